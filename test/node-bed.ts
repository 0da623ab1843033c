import type { Api, Caller } from '../src/control/api.ts'
import { Server } from '../src/control/server.ts'
import { specHash } from '../src/core/manifest/diff.ts'
import type { Cluster } from '../src/core/model/cluster.ts'
import { LEVEL } from '../src/core/model/level.ts'
import type { Hello } from '../src/core/model/message.ts'
import type { NodeChange } from '../src/core/model/plan.ts'
import type { ServiceSpec } from '../src/core/model/service.ts'
import { VIGILANCES } from '../src/core/node/vigilance.ts'
import { createRng } from '../src/lib/rng.ts'
import type { Log } from '../src/ports/log.ts'
import { MemoryStore } from '../src/store/memory.ts'
import { backupTools } from './memory-shelf.ts'
import { plainCertifier } from './plain-certifier.ts'
import { VirtualClock } from './sim/clock.ts'
import { type SimpleAgent, simpleAgent } from './simple-agent.ts'

const SILENT: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
export const ANN: Caller = { by: 'ann', idempotencyKey: null }

/** A server whose machines come and go, in a time that passes only when it is told to. */
export interface NodeBed {
  readonly api: Api
  readonly server: Server
  /** A machine says hello; as itself, with what is given beside that. */
  join(machine: string, says?: Partial<Hello>): Promise<SimpleAgent>
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
  const server = new Server({
    store,
    clock,
    rng: createRng(1),
    log: SILENT,
    config: {
      name: 'test',
      newCluster: () => ({ id: '0123456789abcdef', name: 'test', incarnation: 1, createdAt: clock.now(), ...cluster }),
      strategy: 'spread',
      version: '0.1.0',
      level: LEVEL,
      address: null,
      patience: VIGILANCES.normal.patience,
      preferRegion: null,
    },
    reach: { answers: async () => true, knock: async () => 'open' },
    certifier: () => certifier,
    backups: backupTools(),
  })
  await server.start()
  await server.untilLeading()
  const { api } = server
  const pass = (ms: number): Promise<void> => clock.runUntil(clock.now() + ms, () => true)
  return {
    api,
    server,
    pass,
    join: async (machine, says = {}) => {
      const agent = simpleAgent(clock, { machineId: machine, name: `${machine}:7946`, hostname: machine, ...says })
      server.accept(agent)
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
