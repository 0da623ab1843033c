import { expect, test } from 'vitest'
import { aService, aTask } from '../../../test/builders.ts'
import { askedAt, retryVerdict } from './restart.ts'

const DAY = 86_400_000
const NOW = 10 * DAY
const spec = aService({ restart: 'always' })

test('the pause before another attempt counts from when this leader saw the end, whatever other clocks say of it', () => {
  for (const toldAt of [NOW - DAY, NOW + DAY]) {
    const status = { state: 'failed', ready: false, failures: 3, finishedAt: toldAt } as const
    const last = aTask({ endedAt: toldAt, status })
    expect(retryVerdict(spec, last, null, NOW, NOW - 1_000)).toEqual({ kind: 'later', at: NOW + 1_000 })
  }
})

test('what was asked for by a server whose clock is ahead is not tried again after every end', () => {
  expect(askedAt(NOW + 1_000, NOW)).toBe(NOW + 1_000)
  expect(askedAt(NOW + DAY, NOW)).toBe(null)
})
