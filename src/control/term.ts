import { OperationalError } from '../core/errors.ts'
import type { Millis } from '../core/model/ids.ts'
import type { Dispatch } from '../core/model/manifest.ts'
import { CLUSTER_KEY } from '../core/model/objects.ts'
import type { Task } from '../core/model/task.ts'
import type { Vigilance } from '../core/node/vigilance.ts'
import type { Strategy } from '../core/schedule/strategy.ts'
import { goesOn } from '../core/service/plan-service.ts'
import { earlier } from '../lib/collections.ts'
import type { Certifier } from '../ports/certifier.ts'
import type { Reach } from '../ports/reach.ts'
import type { ChangeBatch } from '../ports/store.ts'
import { changeAuthority } from './change-authority.ts'
import { keysFor } from './change-cluster-key.ts'
import { forgetRevoked } from './forget-revoked.ts'
import type { PassDeps } from './pass.ts'
import { publishedNode, reconcile } from './passes.ts'
import { Presence } from './presence.ts'
import type { Resting } from './reconcile-service.ts'
import { Renewals } from './renewals.ts'
import { ReportIntake } from './report-intake.ts'
import { Sessions } from './sessions.ts'
import { noteSettled } from './settle.ts'
import { TrustText } from './trust.ts'
import { WorkQueue } from './work-queue.ts'
import type { World } from './world.ts'

export interface TermConfig {
  readonly strategy: Strategy
  readonly reach: Reach
  /** Asked again and again: users may set another one. */
  readonly vigilance: () => Vigilance
  /** null while this server takes no other machines. */
  readonly certifier: () => Certifier | null
}

/** One reign: the passes that decide, and the agents that are connected, from the epoch that was taken until it is over. */
export class Term {
  readonly deps: PassDeps
  readonly sessions: Sessions
  readonly #presence: Presence
  readonly #reports = new ReportIntake()
  readonly #resting: Resting = new Map()
  readonly #queue: WorkQueue
  readonly #strategy: Strategy
  readonly #certifier: TermConfig['certifier']
  readonly #over = new AbortController()
  readonly #unfollow: () => void

  constructor(deps: PassDeps, { strategy, reach, vigilance, certifier }: TermConfig) {
    this.deps = deps
    this.#strategy = strategy
    this.#certifier = certifier
    const words = new TrustText(deps.world, certifier)
    this.#queue = new WorkQueue(deps.clock, deps.log, (key) => this.#pass(key))
    const wake = (key: string): void => this.#queue.add(key)
    const renewals = new Renewals(deps)
    this.sessions = new Sessions({
      pass: deps,
      inbox: this.#reports.inbox,
      wake,
      trust: () => words.now(),
      clusterKeys: (node) => keysFor(node, certifier(), deps.world, (one) => this.sessions.trustOf(one)),
      onHello: (node, address) => {
        this.#presence.came(node, address)
        wake('schedule')
      },
      onGone: (node) => this.#presence.went(node),
      onDoubt: (node, isDoubtful) => this.#presence.doubt(node, isDoubtful),
      onRenew: (node, round, connection) => renewals.ask({ node, round, connection }),
    })
    this.#presence = new Presence({
      pass: deps,
      reach,
      patience: () => vigilance().patience,
      renewals,
      connection: (node) => this.sessions.connection(node),
      drop: (node) => this.sessions.drop(node),
      wake: () => wake('presence'),
    })
    const { world } = deps
    this.#unfollow = world.mirror.onChange((batch) => wakeFor(batch, world, this.#resting, this.#queue))
    for (const name of world.serviceNames()) this.#queue.add(`service:${name}`)
    for (const key of ['schedule', 'manifest', 'reports', 'presence', 'authority', 'settled']) this.#queue.add(key)
    for (const { id } of world.nodes()) for (const what of ['node', 'standing']) this.#queue.add(`${what}:${id}`)
  }

  /** Aborts when it ends, by `end` or because another leader reigns. */
  get over(): AbortSignal {
    return this.#over.signal
  }

  /** Nothing is decided any more, and every agent is sent away. */
  end(reason: OperationalError): void {
    if (this.#over.signal.aborted) return
    this.#over.abort(reason)
    this.#unfollow()
    this.#queue.stop()
    this.#presence.end()
    this.sessions.close()
  }

  async #pass(key: string): Promise<Millis | null> {
    try {
      const node = publishedNode(key)
      if (node !== null) return await this.sessions.publish(node)
      if (key === 'authority') return await this.#tendAuthority()
      if (key === 'presence') return await this.#presence.pass()
      if (key === 'reports') return await this.#reports.pass(this.deps)
      if (key === 'settled') return await noteSettled(this.deps, (id) => this.sessions.hasSettled(id))
      return await reconcile(key, this.deps, {
        strategy: this.deps.world.mirror.get(CLUSTER_KEY)?.value.settings?.strategy ?? this.#strategy,
        isAway: (id) => this.#presence.isAway(id),
        resting: this.#resting,
      })
    } catch (error) {
      if (!(error instanceof OperationalError) || error.code !== 'STALE_EPOCH') throw error
      this.end(error)
      return null
    }
  }

  async #tendAuthority(): Promise<Millis | null> {
    this.sessions.publishTrust()
    const step = await changeAuthority(this.deps, this.#certifier(), (node) => this.sessions.trustOf(node))
    return earlier(step, await forgetRevoked(this.deps))
  }
}

/** Asks for the passes that a change may matter to. */
function wakeFor(batch: ChangeBatch, world: World, resting: Resting, queue: WorkQueue): void {
  for (const { key, value } of batch.changes) {
    const [kind = '', id = ''] = key.split('/', 2)
    if (kind === 'task') {
      const service = id.split('.').slice(0, -2).join('.')
      const hash = resting.get(service)
      const isStill = hash !== undefined && value !== null && goesOn(value as Task, hash)
      if (!isStill) queue.add(`service:${service}`)
      for (const name of world.dependants(service)) queue.add(`service:${name}`)
      const node = (value as Task | null)?.node ?? null
      if (node !== null) for (const what of ['node', 'standing']) queue.add(`${what}:${node}`)
      else if (value === null) for (const one of world.nodes()) queue.add(`node:${one.id}`)
      queue.add('schedule')
      queue.add('manifest')
    } else if (kind === 'authority' || kind === 'revoked' || kind === 'certificates') {
      queue.add('authority')
    } else if (kind === 'dispatch' && value !== null) {
      queue.add(`service:${(value as Dispatch).spec.name}`)
    } else if (kind === 'desired') {
      for (const name of world.serviceNames()) queue.add(`service:${name}`)
      queue.add('manifest')
    } else if (kind === 'cluster') {
      for (const one of world.nodes()) queue.add(`node:${one.id}`)
      // What waited until the state was settled may start.
      for (const name of world.serviceNames()) queue.add(`service:${name}`)
    } else if (kind === 'node') {
      for (const what of ['schedule', 'settled']) queue.add(what)
      for (const what of ['node', 'standing']) queue.add(`${what}:${id}`)
      // Its tasks may have to leave, and others may come.
      for (const name of world.serviceNames()) queue.add(`service:${name}`)
    }
  }
}
