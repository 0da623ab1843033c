import { expect, test } from 'vitest'
import { SILENT } from '../../test/silent-log.ts'
import { VirtualClock } from '../../test/sim/clock.ts'
import type { ServerMessage } from '../core/model/message.ts'
import { LEADERSHIP_KEY } from '../core/model/objects.ts'
import type { AgentConnection } from '../ports/link.ts'
import { MemoryStore } from '../store/memory.ts'
import { Mirror } from '../store/mirror.ts'
import { Renewals } from './renewals.ts'
import { World } from './world.ts'

test('a leader renews leases while its epoch is the newest, and none any more when another one has taken over', async () => {
  const [clock, store, sent] = [new VirtualClock({ guarded: false }), new MemoryStore(), [] as ServerMessage[]]
  const connection = { send: (message: ServerMessage) => sent.push(message) } as unknown as AgentConnection
  const lead = (epoch: number): Promise<unknown> => {
    const value = { epoch, holder: 's', address: null, since: 0 }
    return store.commit({ epoch: null, expect: [], writes: [{ put: LEADERSHIP_KEY, value }], events: [] })
  }
  await lead(1)
  const world = new World(await Mirror.open(store), clock)
  const renewals = new Renewals({ store, world, clock, log: SILENT, epoch: 1, level: 1 })
  renewals.ask({ node: 1, round: 1, connection })
  await clock.runUntil(clock.now() + 1_000, () => true)
  await lead(2)
  renewals.ask({ node: 1, round: 2, connection })
  await clock.runUntil(clock.now() + 1_000, () => true)
  expect(sent).toEqual([{ kind: 'renewed', round: 1, tasks: [] }])
})
