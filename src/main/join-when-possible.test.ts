import { expect, test } from 'vitest'
import { SILENT } from '../../test/silent-log.ts'
import { OperationalError } from '../core/errors.ts'
import type { Millis } from '../core/model/ids.ts'
import { createRng } from '../lib/rng.ts'
import type { Clock } from '../ports/clock.ts'
import { joinWhenPossible } from './join-when-possible.ts'

/** Time passes at once, and what was waited for is noted. */
function aHurriedClock() {
  const pauses: Millis[] = []
  const callAt = (at: Millis, call: () => void): (() => void) => {
    pauses.push(at)
    queueMicrotask(call)
    return () => undefined
  }
  return { pauses, clock: { now: () => 0, callAt } satisfies Clock }
}

test('a machine that finds no server waits longer each time, up to some twenty seconds, and then joins', async () => {
  const { pauses, clock } = aHurriedClock()
  const nobody = new OperationalError('UNAVAILABLE', 'nobody there')
  let tries = 0
  const joining = async (): Promise<string> => {
    if (++tries <= 12) throw nobody
    return 'joined'
  }
  expect(await joinWhenPossible(joining, SILENT, { clock, rng: createRng(1) })).toBe('joined')
  expect(pauses).toHaveLength(12)
  for (const [index, pause] of pauses.entries()) {
    const middle = Math.min(500 * 2 ** index, 15_000)
    expect(pause).toBeGreaterThanOrEqual(middle / 2)
    expect(pause).toBeLessThan(1.5 * middle)
  }
})

test('what waiting does not change ends the attempt to join', async () => {
  const { pauses, clock } = aHurriedClock()
  const wrong = (): Promise<never> => Promise.reject(new OperationalError('UNAUTHENTICATED', 'wrong'))
  const joining = joinWhenPossible(wrong, SILENT, { clock, rng: createRng(1) })
  await expect(joining).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  expect(pauses).toEqual([])
})
