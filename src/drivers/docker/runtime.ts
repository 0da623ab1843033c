import { resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { OperationalError } from '../../core/errors.ts'
import type { Millis } from '../../core/model/ids.ts'
import type { RuntimeDescription } from '../../core/model/node.ts'
import type { Log } from '../../ports/log.ts'
import type {
  Container,
  ContainerOrder,
  ContainerStats,
  ExecRequest,
  ExecSession,
  LogLine,
  LogQuery,
  PullProgress,
  Runtime,
} from '../../ports/runtime.ts'
import { parseEngineAddress } from './address.ts'
import { EngineConnection } from './connection.ts'
import { createContainer } from './create.ts'
import { describeEngine } from './describe.ts'
import { EventFeed } from './events.ts'
import { startExec } from './exec.ts'
import { Images } from './images.ts'
import { readLogs } from './logs.ts'
import { Networks } from './networks.ts'
import { type OwnContainer, OwnContainers } from './own-containers.ts'
import { Stats } from './stats.ts'
import { stopContainer } from './stop.ts'

export interface DockerRuntimeOptions {
  readonly clusterId: string
  /** Services keep their data below it. */
  readonly dataDir: string
  /** As in DOCKER_HOST; empty: the engine's usual socket. */
  readonly host: string
  readonly log: Log
}

// Copying an image's files into a volume, or a slow disk, may take this long.
const SLOW_CALL_MS = 180_000
const REMOVAL_LOOKS = 500
const REMOVAL_LOOK_MS = 20

/**
 * Runs containers in a Docker Engine, or in what speaks its API. It needs the engine only while it is asked something:
 * when the engine was away, the next call works as if it had not been.
 */
export class DockerRuntime implements Runtime {
  readonly kind = 'docker'
  readonly #clusterId: string
  readonly #dataDir: string
  readonly #connection: EngineConnection
  readonly #containers: OwnContainers
  readonly #images: Images
  readonly #networks: Networks
  readonly #events: EventFeed
  readonly #stats: Stats
  /** The last description that was any. */
  #known: RuntimeDescription | null = null

  constructor({ clusterId, dataDir, host, log }: DockerRuntimeOptions) {
    this.#clusterId = clusterId
    this.#dataDir = resolve(dataDir)
    const connection = new EngineConnection(parseEngineAddress(host))
    this.#connection = connection
    this.#containers = new OwnContainers(connection, clusterId)
    this.#images = new Images(connection)
    this.#networks = new Networks(connection, clusterId)
    this.#events = new EventFeed({ connection, clusterId, log })
    this.#stats = new Stats(connection)
  }

  async describe(): Promise<RuntimeDescription> {
    const description = await describeEngine(this.#connection)
    if (description.available) this.#known = description
    return description
  }

  list(): Promise<readonly Container[]> {
    return this.#containers.list()
  }

  inspect(containerId: string): Promise<Container | null> {
    return this.#containers.inspect(containerId)
  }

  async presentImages(images: readonly string[]): Promise<readonly string[]> {
    const present = await Promise.all(images.map((image) => this.#images.isPresent(image)))
    return images.filter((_, i) => present[i])
  }

  async create(
    order: ContainerOrder,
    onProgress: (progress: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<string> {
    // The engine is not asked again: one whose swarm has no leader takes 20 s to say what it is.
    const { unsupported } = this.#known ?? (await this.describe())
    const context = { clusterId: this.#clusterId, dataDir: this.#dataDir, unsupported }
    const deps = {
      connection: this.#connection,
      images: this.#images,
      networks: this.#networks,
      containers: this.#containers,
    }
    return createContainer(order, context, deps, onProgress, signal)
  }

  async start(containerId: string): Promise<void> {
    const { id, taskId } = await this.#own(containerId)
    try {
      await this.#connection.call({
        method: 'POST',
        path: `/containers/${id}/start`,
        doing: `start container ${taskId}`,
        timeoutMs: SLOW_CALL_MS,
      })
    } catch (error) {
      this.#networks.forget()
      throw error
    }
  }

  async stop(
    containerId: string,
    options: { readonly signal: string | null; readonly graceMs: Millis },
  ): Promise<void> {
    const container = await this.#containers.find(containerId)
    if (container === null) return
    const signal = options.signal ?? (await this.#containers.stopSignal(container))
    await stopContainer(this.#connection, container, { signal, graceMs: options.graceMs })
  }

  async remove(containerId: string): Promise<void> {
    const container = await this.#containers.find(containerId)
    if (container === null) return
    const { status } = await this.#connection.call({
      method: 'DELETE',
      path: `/containers/${container.id}`,
      // `v` takes the volumes without a name, which nobody could find again.
      query: { force: 1, v: 1 },
      doing: `remove container ${container.taskId}`,
      accept: [404, 409],
      timeoutMs: SLOW_CALL_MS,
    })
    if (status === 409) await this.#untilRemoved(container)
    this.#containers.forget(container.id)
    this.#stats.forget(container.id)
  }

  watch(onHint: (containerId: string | null) => void): () => void {
    return this.#events.watch(onHint)
  }

  async *logs(containerId: string, query: LogQuery, signal: AbortSignal): AsyncGenerator<LogLine> {
    yield* readLogs(this.#connection, await this.#own(containerId), query, signal)
  }

  async exec(containerId: string, request: ExecRequest): Promise<ExecSession> {
    const { id } = await this.#own(containerId)
    return startExec(this.#connection, id, request)
  }

  async stats(containerId: string): Promise<ContainerStats> {
    const { id } = await this.#own(containerId)
    return this.#stats.read(id, () => this.#containers.inspect(id))
  }

  async close(): Promise<void> {
    this.#events.close()
    this.#connection.close()
  }

  async #own(containerId: string): Promise<OwnContainer> {
    const container = await this.#containers.find(containerId)
    if (container !== null) return container
    throw new OperationalError('NOT_FOUND', `there is no container ${containerId}`)
  }

  /** Somebody else is removing it already. */
  async #untilRemoved({ id, taskId }: OwnContainer): Promise<void> {
    for (let look = 0; look < REMOVAL_LOOKS; look++) {
      if ((await this.#containers.inspect(id)) === null) return
      await pause(REMOVAL_LOOK_MS)
    }
    throw new OperationalError('TIMEOUT', `cannot remove container ${taskId}: its removal does not come to an end`)
  }
}
