import type { Resources } from '../../src/core/model/service.ts'
import { createRng } from '../../src/lib/rng.ts'
import { type CalmDeps, islandUnrest, unrest } from './calm.ts'
import { beginChaos, type ChaosDeps, drawFaults, drawLaterFaults, placeStranger } from './chaos.ts'
import { Checks } from './checks.ts'
import { VirtualClock } from './clock.ts'
import { CLUSTER_STRIKES, drawClusterFaults } from './cluster-chaos.ts'
import { describeFact } from './describe-fact.ts'
import type { Fact } from './facts.ts'
import { Faults } from './faults.ts'
import { MemoryLife } from './memory/life.ts'
import { SimNetwork } from './network.ts'
import { CLUSTER_ID, SimNode } from './node.ts'
import { NodeUser } from './node-user.ts'
import { type Ending, putBack, regress } from './older-states.ts'
import { Pauses } from './pauses.ts'
import { drawProfile, type Profile, type Shape, shapeOf } from './profile.ts'
import { SimServer } from './server.ts'
import { Shadow } from './shadow.ts'
import { StoreBackend } from './store-backend.ts'
import type { Surroundings } from './surroundings.ts'
import { Trace } from './trace.ts'
import { truthOf } from './truth.ts'
import { UpgradeUser } from './upgrade-user.ts'
import { type Request, Workload } from './workload.ts'

/** Until all is as desired, counted while no program that will serve waits for its next start. */
const CALM_WITHIN_MS = 90_000
/** The pauses between such starts grow to a minute, go from task to task of a slot, and one slot waits for another. */
const CALM_WITH_PAUSES_MS = 480_000
/** In which a calm cluster must do nothing: longer than the agents' own rounds. */
const QUIET_MS = 35_000
const LOOK_EVERY_MS = 1_000
/** News of what just happened may still be on its way. */
const WELL_FOR_MS = 6_000
/** Agents look at everything so often. */
const ROUND_MS = 31_000

const CAPACITY: Resources = { cpuMillis: 4_000, memoryBytes: 8 * 1024 ** 3, diskBytes: 100 * 1024 ** 3 }

export interface LifeOptions {
  readonly rngSeed: number
  /** As the number says, if it is left out. */
  readonly shape?: Shape
  /** Gets every line of the trace as it happens. */
  readonly onLine?: (line: string) => void
}

export interface LifeOutcome {
  readonly rngSeed: number
  /** Equal for lives that went alike. */
  readonly hash: string
  readonly events: number
  /** Virtual time that it took. */
  readonly lastedMs: number
  readonly faults: ReadonlyMap<string, number>
  readonly failure: { readonly message: string; readonly trace: readonly string[] } | null
}

/** One life of a cluster: a time of faults and changes, then calm. Everything follows from `rngSeed`. */
export async function live({ rngSeed, shape, onLine }: LifeOptions): Promise<LifeOutcome> {
  const of = shape ?? shapeOf(rngSeed)
  const life = new (of === 'memory' ? MemoryLife : Life)(rngSeed, of, onLine ?? (() => undefined))
  const onRejection = (error: unknown): void =>
    life.fail(`a process died: ${error instanceof Error ? error.stack : error}`)
  process.on('unhandledRejection', onRejection)
  try {
    return await life.run()
  } finally {
    process.off('unhandledRejection', onRejection)
  }
}

class Life {
  readonly #rngSeed: number
  readonly #clock = new VirtualClock()
  readonly #network = new SimNetwork(this.#clock)
  readonly #faults = new Faults()
  readonly #shadow = new Shadow()
  readonly #pauses = new Pauses(this.#shadow, () => this.#clock.now())
  readonly #requests = new Map<string, Request>()
  readonly #trace: Trace
  readonly #profile: Profile
  readonly #around: Surroundings
  readonly #backend: StoreBackend
  readonly #servers: readonly SimServer[]
  readonly #nodes: SimNode[]
  readonly #workload: Workload
  readonly #nodeUser: NodeUser
  readonly #upgradeUser: UpgradeUser
  readonly #checks: Checks
  readonly #begin: number
  #commits = 0
  #failure: string | null = null

  constructor(rngSeed: number, shape: Shape, onLine: (line: string) => void) {
    this.#rngSeed = rngSeed
    const rng = createRng(rngSeed)
    this.#begin = this.#clock.now()
    this.#trace = new Trace(onLine)
    this.#profile = drawProfile(rng.split('profile'), shape)
    drawFaults(rng.split('faults'), this.#faults)
    if (shape === 'cluster') drawClusterFaults(rng.split('faults between machines'), this.#faults)
    drawLaterFaults(rng.split('more faults'), this.#faults)
    const observe = (fact: Fact): void => this.#observe(fact)
    const reachable = (address: string): boolean =>
      this.#nodes.some((node) => node.name === address && node.isReachable)
    const door = (address: string): 'open' | 'refused' | 'silent' =>
      this.#servers.find((server) => server.address === address)?.door ?? 'silent'
    const { copies, nodes, servers, withFailures, tight, together, placements } = this.#profile
    const [clock, network, faults] = [this.#clock, this.#network, this.#faults]
    this.#around = { clock, rng, faults, network, observe, copies, reachable, door }
    this.#backend = new StoreBackend(rng.split('store'), this.#faults, observe)
    this.#servers = range(servers).map((i) => {
      const machine = together ? `node-${((i - 1) % nodes) + 1}` : `server-${i}`
      return new SimServer(`server-${i}`, CLUSTER_ID, this.#around, this.#backend, machine)
    })
    this.#nodes = range(nodes).map((i) => this.#aNode(i))
    this.#checks = new Checks({
      shadow: this.#shadow,
      now: () => this.#clock.now(),
      net: truthOf(this.#around, this.#servers, this.#nodes),
      broken: (what) => this.fail(what),
      requests: this.#requests,
      isGivenUp: (name) => this.#nodes.some((node) => node.name === name && node.givenUp),
    })
    this.#nodeUser = new NodeUser({
      around: this.#around,
      servers: this.#servers,
      nodes: this.#nodes,
      addNode: () => this.#addNode(),
      say: (what) => this.#say(what),
    })
    this.#upgradeUser = new UpgradeUser({
      around: this.#around,
      servers: this.#servers,
      nodes: this.#nodes,
      say: (what) => this.#say(what),
    })
    this.#workload = new Workload({
      around: this.#around,
      servers: this.#servers,
      taste: { nodes, withFailures, tight, wide: shape === 'cluster', placements: [...new Set(placements)] },
      onRequest: (request) => {
        this.#say(`${request.id} asks: ${describeChange(request)}`)
        this.#requests.set(request.id, request)
      },
      onAnswer: (request) => {
        this.#say(`${request.id} is told: ${describeAnswer(request)}`)
        this.#checks.onAnswer(request)
      },
      broken: (what) => this.fail(what),
    })
  }

  #aNode(i: number): SimNode {
    const { placements } = this.#profile
    const placement = placements[(i - 1) % placements.length]
    return new SimNode(`node-${i}`, CAPACITY, this.#around, () => this.#servers, placement)
  }

  #addNode(): SimNode {
    const node = this.#aNode(this.#nodes.length + 1)
    this.#nodes.push(node)
    node.startAgent()
    return node
  }

  /** Notes what was broken; the first of all ends the life. */
  fail(what: string): void {
    if (this.#failure !== null) return
    this.#failure = what
    this.#say(`BROKEN: ${what}`)
  }

  async run(): Promise<LifeOutcome> {
    this.#say(`life ${this.#rngSeed}: ${JSON.stringify(this.#profile)}`)
    for (const node of this.#nodes) {
      placeStranger(node.engines.docker, null)
      placeStranger(node.engines.process, null)
    }
    for (const server of this.#servers) server.start()
    for (const node of this.#nodes) node.startAgent()
    this.#lookAfterServers()
    this.#workload.start()
    if (this.#profile.steered) this.#nodeUser.start()
    if (this.#profile.upgraded) this.#upgradeUser.start()
    beginChaos(this.#parts)
    if (this.#profile.shape === 'cluster') beginChaos(this.#parts, CLUSTER_STRIKES)
    await this.#pass(this.#profile.safetyMs)
    this.#workload.end()
    this.#nodeUser.end()
    this.#endFaults()
    this.#say('calm')
    await this.#end()
    const trace = this.#failure === null ? [] : this.#trace.last(400)
    return {
      rngSeed: this.#rngSeed,
      hash: this.#trace.hash,
      events: this.#clock.events,
      lastedMs: this.#clock.now() - this.#begin,
      faults: this.#faults.counts,
      failure: this.#failure === null ? null : { message: this.#failure, trace },
    }
  }

  #endFaults(): void {
    this.#faults.end()
    if (this.#profile.shape !== 'cluster') return
    this.#backend.isFull = false
    this.#backend.lagging.clear()
    this.#network.heal()
    for (const one of [...this.#servers, ...this.#nodes]) one.thaw()
  }

  async #end(): Promise<void> {
    const deps: CalmDeps = { shadow: this.#shadow, nodes: this.#nodes, servers: this.#servers }
    switch (this.#profile.end) {
      case 'whole':
        await this.#settle(() =>
          this.#workload.waits || this.#nodeUser.waits || this.#upgradeUser.waits
            ? 'a user still waits'
            : (unrest(deps) ?? this.#openRevision()),
        )
        await this.#stayQuiet()
        return
      case 'island':
        for (const server of this.#servers) server.retire()
        for (const node of this.#nodes) node.reboot()
        await this.#pass(3_000)
        for (const node of this.#nodes) node.startAgent()
        await this.#settle(() => islandUnrest(deps))
        return
      case 'regressed':
        await this.#settle(() => unrest(deps))
        await regress(this.#ending)
        return
      case 'restored':
        await this.#settle(() => unrest(deps))
        await putBack(this.#ending)
        await this.#settle(() => unrest(deps))
    }
  }

  #regressed = false

  get #parts(): ChaosDeps {
    return {
      around: this.#around,
      nodes: this.#nodes,
      servers: this.#servers,
      backend: this.#backend,
      shadow: this.#shadow,
    }
  }

  get #ending(): Ending {
    return {
      ...this.#parts,
      pass: (ms) => this.#pass(ms),
      fail: (what) => this.fail(what),
      hasFailed: () => this.#failure !== null,
      onRegress: () => {
        this.#regressed = true
      },
      onPutBack: () => this.#checks.onPutBack(),
    }
  }

  /** A revision whose services can all work ends soon; others may need as long as their retries take. */
  #openRevision(): string | null {
    if (this.#profile.withFailures) return null
    const state = this.#shadow.manifest(this.#shadow.desired)?.state
    return state === 'progressing' ? `manifest ${this.#shadow.desired} is still progressing` : null
  }

  /** Waits until it has looked well for a while. */
  async #settle(look: () => string | null): Promise<void> {
    const until = this.#clock.now() + CALM_WITH_PAUSES_MS
    let countedMs = 0
    let wellSince: number | null = null
    // What a lost hint would have told is seen with the next round at the latest.
    const wellForMs = this.#profile.withFailures ? WELL_FOR_MS : ROUND_MS
    while (this.#failure === null) {
      const wrong = look()
      wellSince = wrong === null ? (wellSince ?? this.#clock.now()) : null
      if (wellSince !== null && this.#clock.now() - wellSince >= wellForMs) return
      if (this.#clock.now() >= until || countedMs >= CALM_WITHIN_MS)
        return this.fail(`after ${countedMs / 1_000} calm seconds: ${wrong ?? 'it keeps changing'}`)
      if (wrong !== null && !this.#pauses.areUnderWay()) countedMs += LOOK_EVERY_MS
      await this.#pass(LOOK_EVERY_MS)
    }
  }

  /**
   * Nothing is left to do, so nothing may be written. Only services that cannot work keep the cluster busy, and old tasks
   * that serve until there is room for the new ones.
   */
  async #stayQuiet(): Promise<void> {
    const crowded = this.#shadow.alive().some(({ refusal }) => refusal !== null)
    if (this.#profile.withFailures || crowded) return
    const before = this.#commits
    await this.#pass(QUIET_MS)
    const after = unrest({ shadow: this.#shadow, nodes: this.#nodes, servers: this.#servers })
    if (this.#commits !== before) this.fail(`${this.#commits - before} commits although nothing was left to do`)
    else if (after !== null) this.fail(`after a calm that had come: ${after}`)
  }

  async #pass(ms: number): Promise<void> {
    if (this.#failure !== null) return
    await this.#clock.runUntil(this.#clock.now() + ms, () => this.#failure === null)
  }

  #lookAfterServers(): void {
    const rng = this.#around.rng.split('service manager')
    const look = (): void => {
      for (const server of this.#servers) server.lookAfter()
      // Whoever asked for the lease while it stood still is heard by now.
      this.#backend.lease.offer()
      this.#clock.after(300 + rng.below(1_500), look)
    }
    this.#clock.after(1_000, look)
  }

  #observe(fact: Fact): void {
    if (this.#failure !== null) return
    const line = describeFact(fact)
    if (line !== null) this.#say(line)
    if (fact.kind === 'commit') this.#commits += 1
    if (fact.kind === 'to-server' && fact.message.kind === 'report') this.#nodeOf(fact)?.said.push(fact.message)
    if (fact.kind === 'to-agent') this.#nodeOf(fact)?.heard.push(fact.message)
    if (!this.#regressed) this.#checks.onFact(fact)
  }

  #nodeOf(fact: { readonly node: string }): SimNode | undefined {
    return this.#nodes.find(({ name }) => name === fact.node)
  }

  #say(what: string): void {
    this.#trace.add(this.#clock.now() - this.#begin, what)
  }
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1)
}

function describeChange({ change, key }: Request): string {
  const named = change.kind === 'apply' ? Object.keys(change.manifest.services).join(' ') : ''
  const service = 'service' in change ? change.service : ''
  return `${change.kind} ${named}${service} ${key ?? 'without a key'}`
}

function describeAnswer({ answer }: Request): string {
  if (answer === null) return 'nothing'
  return answer.kind === 'accepted' ? `manifest ${answer.accepted.revision}` : answer.code
}
