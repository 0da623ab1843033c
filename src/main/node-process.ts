import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { Agent } from '../agent/agent.ts'
import { Server } from '../control/server.ts'
import { OperationalError } from '../core/errors.ts'
import type { TaskId } from '../core/model/ids.ts'
import type { RuntimeDescription } from '../core/model/node.ts'
import { RUNTIME_KINDS, type RuntimeKind } from '../core/model/service.ts'
import { DEFAULT_PATIENCE } from '../core/node/absence.ts'
import type { Strategy } from '../core/schedule/strategy.ts'
import { systemClock } from '../drivers/clock.ts'
import { DockerRuntime } from '../drivers/docker/runtime.ts'
import { durableText } from '../drivers/durable-text.ts'
import { systemHost } from '../drivers/host.ts'
import { localLink } from '../drivers/local-link.ts'
import { ProcessRuntime } from '../drivers/process/runtime.ts'
import { tcpReach } from '../drivers/reach.ts'
import { systemRng } from '../drivers/rng.ts'
import type { Log } from '../ports/log.ts'
import type { Runtime } from '../ports/runtime.ts'
import { SqliteStore } from '../store/sqlite.ts'
import { makeDataDir } from './data-dir.ts'

export interface NodeOptions {
  readonly dataDir: string
  /** Name of the node, `<hostname>:<port>` by default. */
  readonly name: string | null
  readonly clusterName: string
  readonly placement: string
  readonly publicAddress: string | null
  readonly labels: Readonly<Record<string, string>>
  /** Kinds of tasks that this node may run. */
  readonly runtimes: readonly RuntimeKind[]
  readonly dockerHost: string
  readonly strategy: Strategy
  readonly version: string
}

/** A server and an agent in one process, on SQLite in the data directory. */
export interface NodeProcess {
  readonly server: Server
  /** What runs tasks here, as it answered last. */
  runtimes(): readonly RuntimeDescription[]
  /** With `park` its tasks are stopped first; resolves with those that could not be. */
  stop(options: { readonly park: boolean }): Promise<readonly TaskId[]>
}

/** Starts the control plane and the agent of a one-node cluster. On failure nothing is left running. */
export async function startNode(options: NodeOptions, log: Log): Promise<NodeProcess> {
  makeDataDir(options.dataDir)
  const clock = systemClock()
  const name = options.name ?? `${hostname()}:7946`
  const store = await SqliteStore.open(join(options.dataDir, 'state.db'))
  const config = {
    name,
    newCluster: () => ({
      id: randomBytes(8).toString('hex'),
      name: options.clusterName,
      incarnation: 1,
      createdAt: clock.now(),
    }),
    strategy: options.strategy,
    patience: DEFAULT_PATIENCE,
    version: options.version,
  }
  const reach = tcpReach()
  const server = new Server({ store, clock, rng: systemRng(), log, reach, config })
  try {
    await server.start()
    await server.untilLeading()
    const clusterId = server.api.cluster().cluster.id
    const runtimes = options.runtimes.map((kind) => openRuntime(kind, clusterId, options, log))
    const agent = new Agent({
      clock,
      rng: systemRng(),
      log,
      host: systemHost({ dataDir: options.dataDir }),
      link: localLink((connection) => server.accept(connection)),
      reach,
      runtimes,
      cache: durableText(join(options.dataDir, 'agent.json')),
      config: {
        name,
        placement: options.placement,
        address: null,
        publicAddress: options.publicAddress,
        labels: options.labels,
        version: options.version,
      },
    })
    await agent.start()
    return {
      server,
      runtimes: () => agent.runtimes,
      stop: async ({ park }) => {
        const left = await agent.stop({ park })
        await server.stop()
        await Promise.all(runtimes.map((runtime) => runtime.close()))
        await store.close()
        return left
      },
    }
  } catch (error) {
    await server.stop()
    await store.close()
    throw error
  }
}

function openRuntime(kind: RuntimeKind, clusterId: string, options: NodeOptions, log: Log): Runtime {
  const { dataDir } = options
  if (kind === 'docker') return new DockerRuntime({ clusterId, dataDir, host: options.dockerHost, log })
  return new ProcessRuntime({ clusterId, dataDir, clock: systemClock(), log })
}

/** Reads `--runtime` or GANTRY_RUNTIME: a comma list of runtimes. Empty: all. */
export function parseRuntimes(text: string | undefined): readonly RuntimeKind[] {
  if (text === undefined || text.trim() === '') return RUNTIME_KINDS
  return text.split(',').map((part) => {
    const kind = RUNTIME_KINDS.find((known) => known === part.trim())
    if (kind !== undefined) return kind
    throw new OperationalError('USAGE', `${part.trim()} is no runtime`, {
      hint: `use a comma list of ${RUNTIME_KINDS.join(', ')}`,
    })
  })
}
