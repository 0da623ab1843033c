import { afterEach, expect, test, vi } from 'vitest'
import { systemClock } from './clock.ts'

afterEach(() => {
  vi.useRealTimers()
})

test('the system clock tells the wall time', () => {
  const before = Date.now()
  const now = systemClock().now()
  expect(now).toBeGreaterThanOrEqual(before - 2)
  expect(now).toBeLessThanOrEqual(Date.now() + 2)
})

test('the system clock does not follow when the machine is set back', () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  const clock = systemClock()
  const before = clock.now()
  vi.setSystemTime(Date.now() - 3_600_000)
  expect(clock.now()).toBeGreaterThanOrEqual(before)
})

test('a call is never made before its time', async () => {
  const clock = systemClock()
  const at = clock.now() + 5
  const called = await new Promise<number>((resolve) => clock.callAt(at, () => resolve(clock.now())))
  expect(called).toBeGreaterThanOrEqual(at)
})

test('a call whose time has passed is made as soon as possible', async () => {
  const clock = systemClock()
  await new Promise<void>((resolve) => clock.callAt(clock.now() - 1_000, resolve))
})

test('a cancelled call is not made', async () => {
  const clock = systemClock()
  const made: string[] = []
  const cancel = clock.callAt(clock.now() + 1, () => made.push('cancelled'))
  cancel()
  await new Promise<void>((resolve) => clock.callAt(clock.now() + 5, resolve))
  expect(made).toEqual([])
})

test('a wait longer than a timer can hold is kept to its end', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })
  const clock = systemClock()
  const at = clock.now() + 3 * 2_147_483_647
  const made: number[] = []
  clock.callAt(at, () => made.push(clock.now()))
  vi.advanceTimersByTime(3 * 2_147_483_647 - 10)
  expect(made).toEqual([])
  vi.advanceTimersByTime(20)
  expect(made).toHaveLength(1)
})
