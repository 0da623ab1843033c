import { expect, test } from 'vitest'
import { VirtualClock } from './clock.ts'

test('events run in the order of their times, those of one time in the order in which they were asked for', async () => {
  const clock = new VirtualClock()
  const begin = clock.now()
  const ran: string[] = []
  clock.after(20, () => ran.push(`c ${clock.now() - begin}`))
  clock.after(10, () => ran.push(`a ${clock.now() - begin}`))
  clock.after(10, () => ran.push(`b ${clock.now() - begin}`))
  clock.after(10, () => ran.push('taken back'))()
  await clock.runUntil(begin + 100, () => true)
  expect(ran).toEqual(['a 10', 'b 10', 'c 20'])
  expect(clock.now()).toBe(begin + 100)
})

test('all promises that an event settles run before the next event', async () => {
  const clock = new VirtualClock()
  const ran: string[] = []
  const deep = async (): Promise<void> => {
    for (let i = 0; i < 50; i++) await null
    ran.push('promises of the first')
  }
  clock.after(1, () => void deep())
  clock.after(1, () => ran.push('second'))
  await clock.runUntil(clock.now() + 10, () => true)
  expect(ran).toEqual(['promises of the first', 'second'])
})

test('inside an event and its promises the time and chance of the machine are out of reach', async () => {
  const clock = new VirtualClock()
  const caught: string[] = []
  const attempt = (use: () => unknown): void => {
    try {
      use()
    } catch (error) {
      caught.push(String(error))
    }
  }
  const uses = [() => Date.now(), () => Math.random(), () => setTimeout(() => undefined, 0), () => performance.now()]
  const later = async (): Promise<void> => {
    await null
    for (const use of uses) attempt(use)
  }
  clock.after(1, () => {
    for (const use of uses) attempt(use)
    void later()
  })
  await clock.runUntil(clock.now() + 10, () => true)
  expect(caught).toHaveLength(8)
  expect(Date.now()).toBeGreaterThan(0)
})

test('ends early, and with the error, when a check after an event fails', async () => {
  const clock = new VirtualClock()
  let ran = 0
  for (let i = 0; i < 10; i++) clock.after(i, () => ran++)
  const check = (): boolean => {
    if (ran === 3) throw new Error('three is too many')
    return true
  }
  await expect(clock.runUntil(clock.now() + 100, check)).rejects.toThrow('three is too many')
  expect(ran).toBe(3)
})

test('a promise that is rejected in an event is reported before the next event, even if that handles it', async () => {
  const clock = new VirtualClock({ guarded: false })
  const told: string[] = []
  const onRejection = (error: unknown): void => void told.push(String(error))
  const others = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection')
  process.on('unhandledRejection', onRejection)
  let failed: Promise<void> | null = null
  clock.after(1, () => {
    failed = Promise.reject(new Error('nobody listens'))
  })
  clock.after(2, () => {
    told.push('second')
    failed?.catch(() => undefined)
  })
  await clock.runUntil(clock.now() + 10, () => true)
  process.off('unhandledRejection', onRejection)
  for (const other of others) process.on('unhandledRejection', other)
  expect(told).toEqual(['Error: nobody listens', 'second'])
})
