import { expect, test } from 'vitest'
import { VirtualClock } from '../../test/sim/clock.ts'
import type { ServerRecord } from '../core/model/cluster.ts'
import { CLUSTER_KEY } from '../core/model/objects.ts'
import { MemoryStore } from '../store/memory.ts'
import { Mirror } from '../store/mirror.ts'
import { registerServer } from './register-server.ts'

const NEVER = new AbortController().signal
const CLUSTER = { id: 'c', name: 'c', incarnation: 1, createdAt: 0 } as const

const server = (name: string, address: string | null): ServerRecord => ({ name, address, version: '1.0.0', level: 1 })

test.each([
  ['with an address', '10.0.0.1:7947'],
  ['that is alone', null],
])('a server %s that is called something else leaves nothing behind under its old name', async (_, address) => {
  const [clock, store] = [new VirtualClock({ guarded: false }), new MemoryStore()]
  await store.commit({ epoch: null, expect: [], writes: [{ put: CLUSTER_KEY, value: CLUSTER }], events: [] })
  const mirror = await Mirror.open(store)
  const register = (record: ServerRecord): Promise<void> => registerServer(record, { store, mirror, clock }, NEVER)
  const names = (): string[] => [...mirror.list('server')].map(({ value }) => value.name)

  await register(server('other', '10.0.0.2:7947'))
  await register(server('old', address))
  await register(server('new', address))
  expect(names()).toEqual(['new', 'other'])
  // The same again changes nothing.
  const revision = mirror.revision
  await register(server('new', address))
  expect(mirror.revision).toBe(revision)
  await register(server('new', '10.0.0.3:7947'))
  expect(names()).toEqual(['new', 'other'])
})
