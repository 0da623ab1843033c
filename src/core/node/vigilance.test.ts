import { expect, test } from 'vitest'
import { heartbeatFor, isHeartbeat, VIGILANCES, vigilanceOf } from './vigilance.ts'

const { normal, fast } = VIGILANCES

test.each([
  [1, 2_000],
  [2_000, 2_000],
  [2_001, 2_500],
  [5_000, 5_000],
  [10_000, 10_000],
  [1_000_000, 10_000],
])('with %i agents each says every %i ms that it is there', (agents, everyMs) => {
  expect(heartbeatFor(normal, agents)).toBe(everyMs)
})

test('with 4,000 agents a lost machine is still found out in time for what ran on it to run elsewhere within ten seconds', () => {
  const { silentForMs, askWithinMs } = normal.patience
  const lateMs = 500
  // Until it is looked for, and until the last question is judged.
  const lookMs = 500
  const lostAfterMs = heartbeatFor(normal, 4_000) + lateMs + lookMs + silentForMs + askWithinMs
  expect(lostAfterMs).toBeLessThanOrEqual(8_500)
})

test('an interval that somebody chose is kept to, however many agents there are', () => {
  expect(heartbeatFor(fast, 5_000)).toBe(250)
  expect(heartbeatFor(vigilanceOf('normal', 1_000), 5_000)).toBe(1_000)
  expect(isHeartbeat(heartbeatFor(vigilanceOf('normal', null), 1e9))).toBe(true)
})
