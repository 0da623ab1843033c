import type { Resources } from '../../../src/core/model/service.ts'
import { createRng, type Rng } from '../../../src/lib/rng.ts'
import { beginChaos } from '../chaos.ts'
import { agentsObeyTheHighest } from '../checks/authority.ts'
import type { Check } from '../checks.ts'
import { VirtualClock } from '../clock.ts'
import { describeFact } from '../describe-fact.ts'
import type { Fact } from '../facts.ts'
import { Faults } from '../faults.ts'
import type { LifeOutcome } from '../life.ts'
import { SimNetwork } from '../network.ts'
import { CLUSTER_ID, SimNode } from '../node.ts'
import type { Shape } from '../profile.ts'
import { SimServer } from '../server.ts'
import { Shadow } from '../shadow.ts'
import { StoreBackend } from '../store-backend.ts'
import type { Surroundings } from '../surroundings.ts'
import { Trace } from '../trace.ts'
import { drawMemoryFaults, memoryStrikes } from './chaos.ts'
import { MemoryChecks } from './checks.ts'
import { SimPeers } from './peers.ts'
import { SimMemory } from './stores.ts'
import { memoryUnrest } from './unrest.ts'
import { MemoryUser } from './user.ts'

/** In which servers that nothing troubles find each other, and agents find them. */
const BEGIN_WITHIN_MS = 20_000
const CALM_WITHIN_MS = 60_000
/** Longer than agents' own rounds. */
const QUIET_MS = 35_000
const LOOK_EVERY_MS = 250
const CAPACITY: Resources = { cpuMillis: 4_000, memoryBytes: 8 * 1024 ** 3, diskBytes: 100 * 1024 ** 3 }

interface Profile {
  readonly servers: number
  readonly nodes: number
  readonly safetyMs: number
  readonly isGentle: boolean
  readonly copies: boolean
  /** Servers run on the machines of agents, and share their fate. */
  readonly together: boolean
}

function drawProfile(rng: Rng): Profile {
  return {
    servers: rng.pick([1, 2, 2, 3, 3, 3, 4, 5, 7]),
    nodes: 1 + rng.below(5),
    safetyMs: rng.pick([30_000, 60_000, 120_000]),
    isGentle: rng.chance(0.4),
    copies: rng.chance(0.2),
    together: rng.chance(0.5),
  }
}

/**
 * One life of servers that keep the state in their memories: they find each other, then come faults, then calm. Nothing runs,
 * and agents must follow all the same.
 */
export class MemoryLife {
  readonly #rngSeed: number
  readonly #clock = new VirtualClock()
  readonly #faults = new Faults()
  readonly #trace: Trace
  readonly #profile: Profile
  readonly #around: Surroundings
  /** Has nothing in it: what all of them know of the authority. */
  readonly #backend: StoreBackend
  readonly #peers: SimPeers
  readonly #servers: readonly SimServer[]
  readonly #nodes: readonly SimNode[]
  readonly #user: MemoryUser
  readonly #checks: MemoryChecks
  readonly #obedience: Check
  readonly #begin: number
  /** How often a process dies over a call, once the cluster is there. */
  readonly #crashRate: number
  #failure: string | null = null

  constructor(rngSeed: number, _shape: Shape, onLine: (line: string) => void) {
    this.#rngSeed = rngSeed
    const rng = createRng(rngSeed).split('memory')
    this.#begin = this.#clock.now()
    this.#trace = new Trace(onLine)
    this.#profile = drawProfile(rng.split('profile'))
    const { servers, nodes, isGentle, copies, together } = this.#profile
    drawMemoryFaults(rng.split('faults'), this.#faults, isGentle)
    this.#crashRate = !isGentle && rng.split('crashes').chance(0.5) ? 0.002 : 0
    this.#around = {
      ...{ clock: this.#clock, rng, faults: this.#faults, network: new SimNetwork(this.#clock), copies },
      observe: (fact) => this.#observe(fact),
      reachable: (address) => this.#nodes.some((node) => node.name === address && node.isReachable),
      door: (address) => this.#servers.find((server) => server.address === address)?.door ?? 'silent',
    }
    this.#backend = new StoreBackend(rng.split('store'), this.#faults, () => undefined)
    const broken = (what: string): void => this.fail(what)
    this.#checks = new MemoryChecks({ isGentle, broken })
    const ids = Array.from({ length: servers }, (_, i) => i + 1)
    this.#peers = new SimPeers(this.#around, ids, this.#checks)
    const memory = new SimMemory({
      ...{ around: this.#around, servers, peers: this.#peers },
      onOpened: ({ user }, store) => void store.load().then((whole) => this.#checks.follow(user, store, whole)),
    })
    this.#servers = ids.map((id) => {
      const machine = together && id <= nodes ? `node-${id}` : `server-${id}`
      return new SimServer(`server-${id}`, CLUSTER_ID, this.#around, this.#backend, machine, { id, memory })
    })
    this.#nodes = Array.from(
      { length: nodes },
      (_, i) => new SimNode(`node-${i + 1}`, CAPACITY, this.#around, () => this.#servers),
    )
    const deps = { around: this.#around, servers: this.#servers, nodes: this.#nodes }
    this.#user = new MemoryUser({ ...deps, broken, say: (what) => this.#say(what) })
    const shadow = new Shadow()
    const net = {
      ...{ isHeardFor: () => false, isSilentFor: () => false },
      ...{ isTakenForConnected: () => false, isConnectedFor: () => false },
    }
    const context = { shadow, now: () => this.#clock.now(), net, isGivenUp: () => false, broken, requests: new Map() }
    this.#obedience = agentsObeyTheHighest(context)
  }

  /** Notes what was broken; the first of all ends the life. */
  fail(what: string): void {
    if (this.#failure !== null) return
    this.#failure = what
    this.#say(`BROKEN: ${what}`)
  }

  async run(): Promise<LifeOutcome> {
    this.#say(`life ${this.#rngSeed}: ${JSON.stringify(this.#profile)}`)
    for (const server of this.#servers) server.start()
    for (const node of this.#nodes) node.startAgent()
    await this.#settle(BEGIN_WITHIN_MS)
    this.#lookAfterServers()
    this.#user.start()
    const shadow = new Shadow()
    const parts = { around: this.#around, nodes: this.#nodes, servers: this.#servers, backend: this.#backend, shadow }
    if (this.#crashRate > 0) this.#faults.set('crash in a call', this.#crashRate)
    beginChaos(parts, memoryStrikes(this.#profile.isGentle))
    await this.#pass(this.#profile.safetyMs)
    this.#user.end()
    this.#faults.end()
    this.#around.network.heal()
    for (const one of [...this.#servers, ...this.#nodes]) one.thaw()
    this.#say('calm')
    await this.#settle(CALM_WITHIN_MS)
    await this.#stayQuiet()
    return {
      rngSeed: this.#rngSeed,
      hash: this.#trace.hash,
      events: this.#clock.events,
      lastedMs: this.#clock.now() - this.#begin,
      faults: this.#faults.counts,
      failure: this.#failure === null ? null : { message: this.#failure, trace: this.#trace.last(400) },
    }
  }

  /** Waits until all is well, and has been for a moment. */
  async #settle(withinMs: number): Promise<void> {
    const until = this.#clock.now() + withinMs
    let wellSince: number | null = null
    while (this.#failure === null) {
      const wrong = this.#unrest()
      wellSince = wrong === null ? (wellSince ?? this.#clock.now()) : null
      if (wellSince !== null && this.#clock.now() - wellSince >= 3_000) return
      if (wrong !== null && this.#clock.now() >= until) this.fail(`after ${withinMs / 1_000} calm seconds: ${wrong}`)
      await this.#pass(LOOK_EVERY_MS)
    }
  }

  /** Nothing is left to do, so nothing is written. */
  async #stayQuiet(): Promise<void> {
    const revision = (): number | undefined => this.#servers[0]?.anyApi?.cluster().storeRevision
    const before = revision()
    await this.#pass(QUIET_MS)
    if (this.#failure !== null) return
    const wrong = this.#unrest()
    if (wrong !== null) this.fail(`after a calm that had come: ${wrong}`)
    else if (revision() !== before) this.fail('something was written although nothing was left to do')
  }

  #unrest(): string | null {
    if (this.#user.waits) return 'a user still waits'
    return memoryUnrest(this.#servers, this.#nodes, (process) => this.#checks.sentAway(process))
  }

  async #pass(ms: number): Promise<void> {
    const until = this.#clock.now() + ms
    while (this.#failure === null && this.#clock.now() < until) {
      await this.#clock.runUntil(Math.min(until, this.#clock.now() + LOOK_EVERY_MS), () => this.#failure === null)
      for (const { process, api } of this.#servers)
        if (process !== null) this.#checks.onLook(process, api !== null, this.#peers.belowForMs(process))
    }
  }

  /** What a service manager does: starts what is down. */
  #lookAfterServers(): void {
    const rng = this.#around.rng.split('service manager')
    const look = (): void => {
      for (const server of this.#servers) server.lookAfter()
      this.#clock.after(300 + rng.below(1_500), look)
    }
    look()
  }

  #observe(fact: Fact): void {
    if (this.#failure !== null) return
    const line = describeFact(fact)
    if (line !== null) this.#say(line)
    if (fact.kind === 'to-agent') {
      this.#nodes.find(({ name }) => name === fact.node)?.heard.push(fact.message)
      if (fact.message.kind === 'assignment' && fact.message.tasks.length > 0)
        this.fail(`${fact.node} is to run something, and what the servers know can be lost`)
    }
    if (fact.kind === 'log') this.#read(fact.process, fact.text)
    this.#obedience.onFact?.(fact)
  }

  #read(name: string, text: string): void {
    if (text.includes('INTERNAL')) this.fail(`${name} failed: ${text}`)
    const epoch = /^leading epoch=(\d+)/.exec(text)?.[1]
    const process = this.#servers.find((server) => server.process?.name === name)?.process
    if (epoch !== undefined && process != null) this.#checks.onLeads(process, Number(epoch))
  }

  #say(what: string): void {
    this.#trace.add(this.#clock.now() - this.#begin, what)
  }
}
