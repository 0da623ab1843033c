import type { Api, Caller } from '../src/control/api.ts'
import type { Server } from '../src/control/server.ts'
import { specHash } from '../src/core/manifest/diff.ts'
import type { Cluster } from '../src/core/model/cluster.ts'
import type { Hello } from '../src/core/model/message.ts'
import type { NodeChange } from '../src/core/model/plan.ts'
import type { ServiceSpec } from '../src/core/model/service.ts'
import type { PeerCertificate } from '../src/ports/link.ts'
import type { Reach } from '../src/ports/reach.ts'
import { MemoryStore } from '../src/store/memory.ts'
import { aLeader } from './bed-server.ts'
import { plainCertifier } from './plain-certifier.ts'
import { VirtualClock } from './sim/clock.ts'
import { type SimpleAgent, simpleAgent } from './simple-agent.ts'

export const ANN: Caller = { by: 'ann', idempotencyKey: null }

/** A server whose machines come and go, in a time that passes only when it is told to. */
export interface NodeBed {
  readonly clock: VirtualClock
  readonly api: Api
  readonly server: Server
  readonly store: MemoryStore
  /** Who gets an answer from machines, and whether agents answer over their connections; all of it, at first. */
  readonly network: { reachedByServer: boolean; reachedByOthers: boolean; agentsAnswer: boolean }
  /** A machine says hello; as itself, with what is given beside that. `peer`: what its certificate says; null: it has none. */
  join(machine: string, says?: Partial<Hello>, peer?: PeerCertificate | null): Promise<SimpleAgent>
  pass(ms: number): Promise<void>
  change(change: NodeChange, by?: Caller): Promise<void>
  run(...services: readonly ServiceSpec[]): Promise<void>
  /** `web.1.1 running on 2`, of all tasks that have not ended. */
  where(): string[]
  stop(): Promise<void>
}

export async function openNodeBed(cluster: Partial<Cluster> = {}): Promise<NodeBed> {
  const clock = new VirtualClock({ guarded: false })
  const store = new MemoryStore()
  const certifier = plainCertifier()
  const network = { reachedByServer: true, reachedByOthers: true, agentsAnswer: true }
  const reach: Reach = { answers: async () => network.reachedByServer, knock: async () => 'open' }
  const server = await aLeader({ store, clock, certifier: () => certifier, reach }, 'spread', cluster)
  const { api } = server
  const pass = (ms: number): Promise<void> => clock.runUntil(clock.now() + ms, () => true)
  return {
    clock,
    api,
    server,
    store,
    network,
    pass,
    join: async (machine, says = {}, peer = null) => {
      const hello = { machineId: machine, name: `${machine}:7946`, hostname: machine, ...says }
      const reaches = async (): Promise<boolean> =>
        network.agentsAnswer ? network.reachedByOthers : new Promise<never>(() => undefined)
      const agent = simpleAgent(clock, hello, reaches)
      server.accept({ ...agent, peer })
      await pass(500)
      return agent
    },
    change: async (change, by = ANN) => {
      const applied = api.apply(change, await api.plan(change), by)
      await pass(2_000)
      await applied
    },
    run: async (...services) => {
      const manifest = { services: Object.fromEntries(services.map((spec) => [spec.name, spec])), placements: [] }
      const applied = api.apply({ kind: 'apply', manifest, text: services.map(specHash).join() }, null, ANN)
      await pass(5_000)
      await applied
    },
    where: () => api.tasks({ service: null, all: false }).map(({ id, state, node }) => `${id} ${state} on ${node}`),
    stop: async () => {
      await server.stop()
      await store.close()
    },
  }
}
