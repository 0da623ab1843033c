import { expect, test } from 'vitest'
import { type Clock, sleep } from './clock.ts'

/** A clock on which nothing comes by itself. */
function handClock(): { clock: Clock; waiting: Set<() => void> } {
  const waiting = new Set<() => void>()
  const callAt = (_: number, call: () => void): (() => void) => {
    const once = (): void => {
      waiting.delete(once)
      call()
    }
    waiting.add(once)
    return () => waiting.delete(once)
  }
  return { clock: { now: () => 0, callAt }, waiting }
}

test('every sleeper of a signal is woken with its reason, and none that has slept out', async () => {
  const { clock, waiting } = handClock()
  const over = new AbortController()
  const first = sleep(clock, 10, over.signal)
  for (const wake of [...waiting]) wake()
  await first
  const others = [sleep(clock, 10, over.signal), sleep(clock, 10, over.signal)]
  over.abort(new Error('it is over'))
  for (const other of others) await expect(other).rejects.toThrow('it is over')
  expect(waiting.size).toBe(0)
  await expect(sleep(clock, 10, over.signal)).rejects.toThrow('it is over')
})
