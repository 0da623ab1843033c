import { expect, test } from 'vitest'
import { aService, aTask } from '../../../test/builders.ts'
import { askedAt, retryVerdict } from './restart.ts'

const DAY = 86_400_000
const NOW = 10 * DAY
const spec = aService({ restart: 'always' })

test('the pause before another attempt counts from when the leader heard of the end, whatever the clock of the node says', () => {
  for (const finishedAt of [NOW - DAY, NOW + DAY]) {
    const last = aTask({ endedAt: NOW - 1_000, status: { state: 'failed', ready: false, failures: 3, finishedAt } })
    expect(retryVerdict(spec, last, null, NOW)).toEqual({ kind: 'later', at: NOW + 1_000 })
  }
})

test('an end that a leader with a wrong clock told of holds nothing up for a day', () => {
  const last = aTask({ endedAt: NOW + DAY, status: { state: 'failed', ready: false, failures: 3, finishedAt: NOW } })
  expect(retryVerdict(spec, last, null, NOW).kind).toBe('now')
})

test('what was asked for by a server whose clock is ahead is not tried again after every end', () => {
  expect(askedAt(NOW + 1_000, NOW)).toBe(NOW + 1_000)
  expect(askedAt(NOW + DAY, NOW)).toBe(null)
})
