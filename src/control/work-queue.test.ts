import { expect, test } from 'vitest'
import { SILENT } from '../../test/silent-log.ts'
import { VirtualClock } from '../../test/sim/clock.ts'
import { OperationalError } from '../core/errors.ts'
import { WorkQueue } from './work-queue.ts'

test('a pass that fails is run again although nothing has changed, until it succeeds', async () => {
  const clock = new VirtualClock({ guarded: false })
  const began: number[] = []
  const queue = new WorkQueue(clock, SILENT, async () => {
    began.push(clock.now())
    if (began.length < 4) throw new OperationalError('UNAVAILABLE', 'the store does not answer')
    return null
  })
  queue.add('web')
  await clock.runUntil(clock.now() + 60_000, () => true)
  expect(began.slice(1).map((at, i) => at - (began[i] ?? 0))).toEqual([100, 1_000, 2_000])
})
