import { expect, test } from 'vitest'
import { aNode, aService } from '../../test/builders.ts'
import { SILENT } from '../../test/silent-log.ts'
import { VirtualClock } from '../../test/sim/clock.ts'
import { CLUSTER_KEY, keyOf } from '../core/model/objects.ts'
import { MemoryStore } from '../store/memory.ts'
import { Mirror } from '../store/mirror.ts'
import { noteSettled, settle } from './settle.ts'
import { World } from './world.ts'

const CALLER = { by: 'ann', idempotencyKey: null }

test('exclusive services wait for the settling, and then for every node to say that nothing unknown is left there', async () => {
  const [clock, store] = [new VirtualClock({ guarded: false }), new MemoryStore()]
  const cluster = { id: 'c', name: 'c', incarnation: 2, createdAt: 0, keepsUnknown: true } as const
  const nodes = [1, 2, 3].map((id) => ({ put: keyOf('node', id), value: aNode({ id }) }) as const)
  await store.commit({ epoch: null, expect: [], writes: [{ put: CLUSTER_KEY, value: cluster }, ...nodes], events: [] })
  const world = new World(await Mirror.open(store), clock)
  const deps = { store, world, clock, log: SILENT, epoch: 0, level: 1 }
  const [exclusive, other] = [aService({ exclusive: true }), aService()]
  expect([world.hold(exclusive), world.hold(other)]).toEqual([expect.stringContaining('settle'), null])

  expect(await settle(CALLER, deps)).toBe(true)
  expect([world.hold(exclusive), world.hold(other)]).toEqual([expect.stringContaining('node 1 '), null])
  await noteSettled(deps, (node) => node === 1)
  expect(world.hold(exclusive)).toContain('node 2 ')
  // Who is no node any more is waited for no longer.
  await store.commit({ epoch: null, expect: [], writes: [{ delete: keyOf('node', 2) }], events: [] })
  await noteSettled(deps, (node) => node === 3)
  expect(world.hold(exclusive)).toBe(null)
  expect(world.mirror.get(CLUSTER_KEY)?.value.settling).toBe(undefined)
})
