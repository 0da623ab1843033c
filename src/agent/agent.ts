import { OperationalError } from '../core/errors.ts'
import type { NodeId, TaskId } from '../core/model/ids.ts'
import type { Assignment, Authority, Hello, Refused, TrustUpdate } from '../core/model/message.ts'
import type { RuntimeDescription } from '../core/model/node.ts'
import { type Resources, specOn } from '../core/model/service.ts'
import type { Task } from '../core/model/task.ts'
import { judgeAuthority } from '../core/node/fence.ts'
import type { Rng } from '../lib/rng.ts'
import type { Clock } from '../ports/clock.ts'
import type { DurableText, Host } from '../ports/host.ts'
import type { IncarnationTrust } from '../ports/incarnation-trust.ts'
import type { Link } from '../ports/link.ts'
import type { Log } from '../ports/log.ts'
import type { OwnIdentity } from '../ports/own-identity.ts'
import type { Reach } from '../ports/reach.ts'
import type { Runtime } from '../ports/runtime.ts'
import type { Watchdog } from '../ports/watchdog.ts'
import { readState, writeState } from './cache.ts'
import { agentCalls } from './calls.ts'
import { Containers } from './containers.ts'
import { Leases } from './leases.ts'
import { Session } from './session.ts'
import { TaskLoop } from './task-loop.ts'

export interface AgentConfig {
  readonly name: string
  /** The id that its certificate says; null: the server gives one. */
  readonly nodeId: NodeId | null
  readonly placement: string
  /** Where servers reach this machine; null: at the address that its connection to them has. */
  readonly address: string | null
  readonly publicAddress: string | null
  readonly region: string | null
  readonly zone: string | null
  readonly labels: Readonly<Record<string, string>>
  readonly version: string
  /** The highest level of messages that it knows. */
  readonly level: number
}

export interface AgentDeps {
  readonly clock: Clock
  readonly rng: Rng
  readonly log: Log
  readonly host: Host
  readonly link: Link
  readonly reach: Reach
  readonly watchdog: Watchdog
  readonly runtimes: readonly Runtime[]
  readonly cache: DurableText
  /** Left out where the agent has no certificate. */
  readonly identity?: OwnIdentity
  /** A user sent this machine away, and nothing of the cluster runs here any more. */
  readonly onDismissed?: (message: string) => void
  /** Whether it takes the word that the state is of a higher incarnation than before. */
  readonly trusts: IncarnationTrust
  readonly config: AgentConfig
}

/** Full looks and runtime descriptions are repeated so often, in case a hint was lost. */
const RESYNC_MS = 30_000
/** While a runtime does not answer, it is asked more often. */
const RESYNC_BROKEN_MS = 2_000
const SAVE_AGAIN_MS = 2_000

/**
 * The agent of one node. It carries out what the leader assigned, keeps that on disk, and goes on with it for as long
 * as there is no server: nothing that runs depends on one.
 */
export class Agent {
  readonly #deps: AgentDeps
  readonly #containers: Containers
  readonly #loop: TaskLoop
  readonly #session: Session
  readonly #leases: Leases
  #nodeId: NodeId | null = null
  #machineId: string
  #authority: Authority | null = null
  #capacity: Resources = { cpuMillis: 0, memoryBytes: 0, diskBytes: 0 }
  #descriptions: readonly RuntimeDescription[] = []
  #pending: Assignment | null = null
  #dirty = false
  #writing: Promise<void> | null = null
  /** Why what is to run cannot be written now. */
  #notSaved: string | null = null
  #cancelSave: (() => void) | null = null
  #describing: Promise<void> | null = null
  #describeAgain = false
  #cancelResync: (() => void) | null = null
  #stopped = false

  constructor(deps: AgentDeps) {
    this.#deps = deps
    const { clock, log, host, link, runtimes, rng } = deps
    this.#machineId = `${host.hostname}-${rng
      .split('machine')
      .below(2 ** 32)
      .toString(16)}`
    this.#containers = new Containers(runtimes, clock, log, {
      onChange: () => this.#loop.wake(),
      onReach: () => {
        this.#loop.wake()
        void this.#describe().then(() => this.#resync())
      },
      isActing: (containerId) => this.#loop.isActing(containerId),
    })
    this.#loop = new TaskLoop({
      clock,
      log,
      host,
      containers: this.#containers,
      context: () => ({
        nodeId: this.#nodeId ?? 0,
        publicAddress: deps.config.publicAddress,
        memoryBytes: this.#capacity.memoryBytes,
      }),
      onRecords: () => this.#save(),
      onSettled: () => this.#session.settled(),
      runsUntil: (task) => this.#leases.runsUntil(task),
    })
    this.#leases = new Leases({
      clock,
      log,
      watchdog: deps.watchdog,
      tasks: () => this.#loop.tasks,
      containerOf: (task) => this.#containers.of(task),
      ask: (round) => this.#session.renew(round),
      onChange: () => this.#loop.wake(),
    })
    const calls = agentCalls(this.#containers, runtimes, host, deps.reach, async () => {
      await this.#describe()
      return this.#descriptions
    })
    this.#session = new Session({
      clock,
      rng,
      log,
      link,
      calls,
      hello: (address) => this.#hello(address),
      onAssignment: (assignment) => this.#receive(assignment),
      onTrust: (update) => void this.#learn(update),
      onRefused: (refusal) => this.#refused(refusal),
      onRenewed: (renewed) => this.#leases.take(renewed),
    })
  }

  /** Goes on from the cache, sees what runs, and connects. Resolves when the node's containers were looked at once. */
  async start(): Promise<void> {
    const state = await readState(this.#deps.cache)
    if (state !== null) {
      this.#nodeId = state.nodeId
      this.#machineId = state.machineId ?? this.#machineId
      this.#authority = state.authority
      this.#loop.restore(this.#resolved(state.tasks), state.records)
    }
    this.#capacity = await this.#deps.host.capacity()
    await this.#leases.restore()
    await this.#describe()
    await this.#containers.start()
    if (this.#stopped) return
    this.#session.start()
    this.#resync()
  }

  /** What its runtimes were when they were asked last. */
  get runtimes(): readonly RuntimeDescription[] {
    return this.#descriptions
  }

  /** Says again who this is: its certificate is another one, or it believes others. */
  introduce(): void {
    this.#session.introduce()
  }

  /** Ends the agent. With `park`, its tasks are stopped gracefully first and start again with the next agent; resolves with those that could not be stopped. */
  async stop(options: { readonly park: boolean }): Promise<readonly TaskId[]> {
    const left = options.park ? await this.#loop.park() : []
    this.#stopped = true
    this.#cancelResync?.()
    this.#cancelSave?.()
    this.#session.stop()
    this.#leases.stop()
    this.#loop.stop()
    this.#containers.stop()
    while (this.#writing !== null) await this.#writing
    return left
  }

  #hello(address: string | null): Hello {
    const { clock, config, host, identity } = this.#deps
    const trust = identity?.trust() ?? null
    return {
      kind: 'hello',
      level: config.level,
      nodeId: this.#nodeId ?? config.nodeId,
      machineId: this.#machineId,
      name: config.name,
      hostname: host.hostname,
      placement: config.placement,
      address: config.address ?? address,
      publicAddress: config.publicAddress,
      region: config.region,
      zone: config.zone,
      labels: config.labels,
      capacity: this.#capacity,
      runtimes: this.#descriptions,
      version: config.version,
      authority: this.#authority,
      ...(trust !== null && { trust }),
      ...(this.#notSaved !== null && { trouble: this.#notSaved }),
      clock: clock.now(),
    }
  }

  async #learn(update: TrustUpdate): Promise<void> {
    try {
      await this.#deps.identity?.learn(update)
    } catch (error) {
      // The next connection brings it again.
      if (!(error instanceof OperationalError)) throw error
      this.#deps.log.error('cannot keep whom to believe', { reason: error.message })
    }
  }

  #refused({ message, remedy }: Refused): void {
    if (remedy === 'renew') this.#deps.identity?.renew()
    if (remedy === 'end' && this.#isEmpty()) this.#deps.onDismissed?.(message)
  }

  /** Whether nothing of the cluster is left here, as far as every runtime says. */
  #isEmpty(): boolean {
    if (this.#deps.runtimes.some(({ kind }) => this.#containers.silentSince(kind) !== null)) return false
    return this.#loop.tasks.size === 0 && [...this.#containers.all()].length === 0
  }

  /** Tasks as they hold on this node: what its placement sets differently is filled in. */
  #resolved(tasks: readonly Task[]): readonly Task[] {
    return tasks.map((task) => {
      const spec = specOn(task.spec, this.#deps.config.placement)
      return spec === task.spec ? task : { ...task, spec }
    })
  }

  #receive(assignment: Assignment): void {
    const { authority, proof = null } = assignment
    const vouched = (): boolean => this.#deps.trusts(authority.clusterId, authority.incarnation, proof)
    const verdict = judgeAuthority(this.#pending?.authority ?? this.#authority, authority, vouched)
    if (verdict.kind === 'stale') return
    if (verdict.kind === 'refuse') {
      this.#deps.log.error('assignment refused, everything keeps running', { reason: verdict.message })
      return
    }
    this.#pending = assignment
    this.#save()
  }

  /** One writer at a time; what changes meanwhile is written once more after it. */
  #save(): void {
    this.#dirty = true
    if (this.#writing !== null) return
    this.#writing = this.#writeAll()
      .catch((error: unknown) => this.#saveLater(error))
      .finally(() => {
        this.#writing = null
      })
  }

  /** Until it can be written nothing new is begun, and what runs is kept running. */
  #saveLater(error: unknown): void {
    if (!(error instanceof OperationalError)) throw error
    const { clock, log } = this.#deps
    if (this.#notSaved !== error.message) {
      this.#notSaved = error.message
      log.error('cannot keep what is to run here', { reason: error.message })
      this.#session.introduce()
    }
    this.#cancelSave?.()
    if (!this.#stopped) this.#cancelSave = clock.callAt(clock.now() + SAVE_AGAIN_MS, () => this.#save())
  }

  async #writeAll(): Promise<void> {
    while (this.#dirty) {
      this.#dirty = false
      const assignment = this.#pending
      const tasks = assignment?.tasks ?? [...this.#loop.tasks.values()]
      const nodeId = assignment?.nodeId ?? this.#nodeId
      const authority = assignment?.authority ?? this.#authority
      // Durable before it is acted on: an agent that forgot whom it obeyed could obey an older leader.
      const state = { nodeId, machineId: this.#machineId, authority, tasks }
      await writeState(this.#deps.cache, { ...state, records: this.#loop.records })
      if (this.#notSaved !== null) {
        this.#notSaved = null
        this.#session.introduce()
      }
      this.#nodeId = nodeId
      this.#authority = authority
      if (assignment !== null) {
        if (this.#pending === assignment) this.#pending = null
        const { dismissed, keepsUnknown, settles, unsettled } = assignment
        this.#loop.assign(this.#resolved(assignment.tasks), {
          dismissed: dismissed === true,
          keepsUnknown: keepsUnknown === true,
          settles: settles === true,
          unsettled: unsettled === true,
        })
        this.#leases.follow()
      }
      this.#session.report([...this.#loop.records.values()].filter(({ taskId }) => this.#loop.tasks.has(taskId)))
    }
  }

  /** Asks the runtimes what they are; one asking at a time, so that an older answer never follows a newer one. */
  #describe(): Promise<void> {
    this.#describeAgain = this.#describing !== null
    this.#describing ??= this.#describeAll().finally(() => {
      this.#describing = null
    })
    return this.#describing
  }

  async #describeAll(): Promise<void> {
    do {
      this.#describeAgain = false
      const before = JSON.stringify(this.#descriptions)
      this.#descriptions = await Promise.all(this.#deps.runtimes.map((runtime) => runtime.describe()))
      if (before !== JSON.stringify(this.#descriptions)) this.#session.introduce()
    } while (this.#describeAgain)
  }

  /** Looks and asks again after a while, counted from the last call. */
  #resync(): void {
    const { clock, runtimes } = this.#deps
    this.#cancelResync?.()
    if (this.#stopped) return
    const broken =
      runtimes.some(({ kind }) => this.#containers.silentSince(kind) !== null) ||
      this.#descriptions.some(({ available }) => !available)
    this.#cancelResync = clock.callAt(clock.now() + (broken ? RESYNC_BROKEN_MS : RESYNC_MS), () => {
      void Promise.all([this.#describe(), ...runtimes.map(({ kind }) => this.#containers.lookAtAll(kind))]).then(() =>
        this.#resync(),
      )
    })
  }
}
