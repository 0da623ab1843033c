import { expect, onTestFinished, test } from 'vitest'
import { aNode, aTask } from '../../test/builders.ts'
import { keyOf } from '../core/model/objects.ts'
import { systemClock } from '../drivers/clock.ts'
import type { Write } from '../ports/store.ts'
import { MemoryStore } from '../store/memory.ts'
import { Mirror } from '../store/mirror.ts'
import { leave } from './leave.ts'
import { World } from './world.ts'

async function aWorld(...writes: Write[]) {
  const store = new MemoryStore()
  await store.commit({ epoch: null, expect: [], writes, events: [] })
  const mirror = await Mirror.open(store)
  onTestFinished(async () => {
    mirror.close()
    await store.close()
  })
  return { mirror, deps: { store, clock: systemClock(), world: new World(mirror, systemClock()) } }
}

const node = aNode({ id: 2, machineId: 'm2', name: 's2' })
const access = (id: string, createdBy: string): Write => ({
  ...{ put: keyOf('access', id), value: { id, sha256: 'x', createdBy, createdAt: 0 } },
})

const aServer = (name: string): Write => ({
  ...{ put: keyOf('server', name), value: { name, address: null, version: '1', level: 1 } },
})

test('a node that leaves is gone, with what it ran and its tokens for the API', async () => {
  const task = aTask({ node: 2 })
  const { mirror, deps } = await aWorld(
    { put: keyOf('node', 2), value: node },
    { put: keyOf('task', task.id), value: task },
    ...[access('a', 's2'), access('b', 's1'), aServer('s1'), aServer('s2')],
  )
  await leave({ nodeId: 2 }, 'm2', deps)
  expect(mirror.get(keyOf('node', 2))).toBeNull()
  expect(mirror.get(keyOf('task', task.id))?.value.status.state).toBe('lost')
  expect([...mirror.list('access')].map(({ value }) => value.id)).toEqual(['b'])
  expect([...mirror.list('server')].map(({ value }) => value.name)).toEqual(['s1'])
  expect(mirror.get(keyOf('dismissed', 'm2'))?.value).toMatchObject({ because: 'removed', by: 'node 2' })
  await expect(leave({ nodeId: 2 }, 'm2', deps)).resolves.toBeUndefined()
})

test('a machine that was replaced does not take its successor out', async () => {
  const { mirror, deps } = await aWorld({ put: keyOf('node', 2), value: node })
  for (const machine of ['old', null])
    await expect(leave({ nodeId: 2 }, machine, deps)).rejects.toMatchObject({ code: 'FORBIDDEN' })
  expect(mirror.get(keyOf('node', 2))).not.toBeNull()
})
