import { OperationalError } from '../core/errors.ts'
import type { Cluster } from '../core/model/cluster.ts'
import type { Millis } from '../core/model/ids.ts'
import type { Dispatch } from '../core/model/manifest.ts'
import type { Task } from '../core/model/task.ts'
import type { Strategy } from '../core/schedule/strategy.ts'
import type { Rng } from '../lib/rng.ts'
import type { Clock } from '../ports/clock.ts'
import type { AgentConnection } from '../ports/link.ts'
import type { Log } from '../ports/log.ts'
import type { ChangeBatch, Lease, Store } from '../ports/store.ts'
import { Mirror } from '../store/mirror.ts'
import type { Api } from './api.ts'
import { takeEpoch } from './lead.ts'
import type { PassDeps } from './pass.ts'
import { publishedNode, reconcile } from './passes.ts'
import type { Inbox } from './record-reports.ts'
import { ServerApi } from './server-api.ts'
import { Sessions } from './sessions.ts'
import { WorkQueue } from './work-queue.ts'
import { World } from './world.ts'

export interface ServerConfig {
  /** Name of this server, shown as leader. */
  readonly name: string
  /** The cluster to create when the store is empty; its id is used for nothing else. */
  readonly newCluster: () => Cluster
  readonly strategy: Strategy
  readonly version: string
}

export interface ServerDeps {
  readonly store: Store
  readonly clock: Clock
  readonly rng: Rng
  readonly log: Log
  readonly config: ServerConfig
}

/** The control plane of one process: a view of the state, the API over it, and while it leads, the loops. */
export class Server {
  readonly #deps: ServerDeps
  readonly #stop = new AbortController()
  readonly #inbox: Inbox = new Map()
  readonly #sessions: Sessions
  #world: World | null = null
  #api: ServerApi | null = null
  #leading: PassDeps | null = null
  #queue: WorkQueue | null = null
  #lease: Lease | null = null

  constructor(deps: ServerDeps) {
    this.#deps = deps
    this.#sessions = new Sessions({
      leading: () => this.#leading,
      inbox: this.#inbox,
      wake: (key) => this.#queue?.add(key),
    })
  }

  /** Resolves when this server leads and serves. */
  async start(): Promise<void> {
    const { store, clock, log, config } = this.#deps
    const mirror = await Mirror.open(store)
    this.#world = new World(mirror)
    this.#lease = await store.campaign(config.name, this.#stop.signal)
    const lead = { store, mirror, clock, holder: config.name, newCluster: config.newCluster }
    const epoch = await takeEpoch(lead, this.#stop.signal)
    log.info('leading', { epoch, revision: mirror.revision })
    const deps: PassDeps = { store, world: this.#world, clock, log, epoch }
    this.#leading = deps
    const queue = new WorkQueue(clock, log, (key) => this.#pass(key, deps))
    this.#queue = queue
    this.#api = new ServerApi({ ...deps, sessions: this.#sessions, storeKind: store.kind, version: config.version })
    mirror.onChange((batch) => wakeFor(batch, deps.world, queue))
    for (const name of this.#world.serviceNames()) queue.add(`service:${name}`)
    for (const key of ['schedule', 'manifest', 'reports']) queue.add(key)
    for (const node of this.#world.nodes()) queue.add(`node:${node.id}`)
    // It may have been lost while the epoch was taken.
    if (this.#lease.lost.aborted) return this.stop()
    this.#lease.lost.addEventListener('abort', () => void this.stop())
  }

  /** The facade that routes and the local CLI use. */
  get api(): Api {
    if (this.#api === null) throw new OperationalError('UNAVAILABLE', 'the server is starting')
    return this.#api
  }

  /** Takes an agent's connection over. */
  accept(connection: AgentConnection): void {
    this.#sessions.accept(connection)
  }

  /** Ends leading and serving. The store stays open: who opened it closes it. */
  async stop(): Promise<void> {
    this.#stop.abort(new OperationalError('UNAVAILABLE', 'the server is going down'))
    this.#queue?.stop()
    this.#leading = null
    this.#sessions.close()
    this.#world?.mirror.close()
    await this.#lease?.release()
  }

  async #pass(key: string, deps: PassDeps): Promise<Millis | null> {
    try {
      const node = publishedNode(key)
      if (node !== null) return await this.#sessions.publish(node, deps)
      return await reconcile(key, deps, this.#inbox, this.#deps.config.strategy)
    } catch (error) {
      if (error instanceof OperationalError && error.code === 'STALE_EPOCH') {
        deps.log.warn('another leader has taken over', { epoch: deps.epoch })
        await this.stop()
        return null
      }
      throw error
    }
  }
}

/** Asks for the passes that a change may matter to. */
function wakeFor(batch: ChangeBatch, world: World, queue: WorkQueue): void {
  for (const { key, value } of batch.changes) {
    const [kind = '', id = ''] = key.split('/', 2)
    if (kind === 'task') {
      const service = id.split('.').slice(0, -2).join('.')
      queue.add(`service:${service}`)
      for (const name of world.dependants(service)) queue.add(`service:${name}`)
      const node = (value as Task | null)?.node ?? null
      if (node !== null) queue.add(`node:${node}`)
      else if (value === null) for (const one of world.nodes()) queue.add(`node:${one.id}`)
      queue.add('schedule')
      queue.add('manifest')
    } else if (kind === 'dispatch' && value !== null) {
      queue.add(`service:${(value as Dispatch).spec.name}`)
    } else if (kind === 'desired') {
      for (const name of world.serviceNames()) queue.add(`service:${name}`)
      queue.add('manifest')
    } else if (kind === 'node') {
      queue.add('schedule')
      queue.add(`node:${id}`)
      for (const name of world.serviceNames())
        if (world.wanted(name)?.spec.mode === 'global') queue.add(`service:${name}`)
    }
  }
}
