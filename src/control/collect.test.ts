import { expect, test } from 'vitest'
import { SILENT } from '../../test/silent-log.ts'
import { VirtualClock } from '../../test/sim/clock.ts'
import { keyOf } from '../core/model/objects.ts'
import { MemoryStore } from '../store/memory.ts'
import { Mirror } from '../store/mirror.ts'
import { collect } from './collect.ts'
import { World } from './world.ts'

const HOUR_MS = 3_600_000
const KEY = keyOf('idempotency', 'mine')

test.each([
  { name: 'an answer of now is kept for a day', behindMs: 0, keptMs: 24 * HOUR_MS },
  { name: 'an answer by a clock that is two days behind is kept for an hour', behindMs: 48 * HOUR_MS, keptMs: HOUR_MS },
])('$name', async ({ behindMs, keptMs }) => {
  const [clock, store] = [new VirtualClock({ guarded: false }), new MemoryStore()]
  const world = new World(await Mirror.open(store), clock)
  const deps = { store, world, clock, log: SILENT, epoch: 0, level: 1 }
  const value = { requestHash: 'h', status: 200, body: null, at: clock.now() - behindMs }
  await store.commit({ epoch: null, expect: [], writes: [{ put: KEY, value }], events: [] })
  const isKeptAfter = async (ms: number): Promise<boolean> => {
    await clock.runUntil(clock.now() + ms, () => true)
    await collect(deps)
    return world.mirror.get(KEY) !== null
  }
  expect(await isKeptAfter(keptMs)).toBe(true)
  expect(await isKeptAfter(1)).toBe(false)
})
