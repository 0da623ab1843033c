import { Agent } from '../../src/agent/agent.ts'
import { OperationalError } from '../../src/core/errors.ts'
import type { Report, ServerMessage } from '../../src/core/model/message.ts'
import { type Resources, RUNTIME_KINDS, type RuntimeKind } from '../../src/core/model/service.ts'
import type { Rng } from '../../src/lib/rng.ts'
import type { AgentCalls, ServerConnection } from '../../src/ports/link.ts'
import { FIRST_KEY } from '../plain-certifier.ts'
import { SimConnection } from './connection.ts'
import { SimDisk, SimFile } from './disk.ts'
import { type Machine, SimEngine } from './engine.ts'
import { hazardOf, skewOf } from './hazard.ts'
import { SimHost } from './host.ts'
import { SimIdentity, type SimIdentityFiles, shownBy } from './identity.ts'
import { signatureOf } from './incarnation.ts'
import { Mortal } from './mortal.ts'
import { FIRST_PROGRAM, type Program } from './program-version.ts'
import { simReach } from './reach.ts'
import { SimRuntime } from './runtime.ts'
import type { SimServer } from './server.ts'
import { simLog } from './sim-log.ts'
import type { Surroundings } from './surroundings.ts'
import { SimWatchdog } from './watchdog.ts'

export const CLUSTER_ID = '5ca1ab1e5ca1ab1e'

/** Longer than any life. */
const FOR_GOOD_MS = 1e9

/** A machine with its engines and its disk, and the agent that runs on it now. */
export class SimNode {
  readonly name: string
  readonly machine: Machine
  readonly engines: Readonly<Record<RuntimeKind, SimEngine>>
  readonly cache: SimFile
  /** Who it is, on its disk. */
  readonly #identity: SimIdentityFiles = {
    ...{ certificate: '', bundle: '', keys: 0, heeded: null },
    clusterKeys: [FIRST_KEY],
  }
  readonly #watchdog: SimWatchdog
  /** What its agent runs when it is started next. */
  program: Program = FIRST_PROGRAM
  readonly #around: Surroundings
  readonly #rng: Rng
  readonly #capacity: Resources
  readonly #servers: () => readonly SimServer[]
  /** What was said to and by its agents, for those who repeat it. */
  readonly heard: ServerMessage[] = []
  readonly said: Report[] = []
  /** Its machine is gone for good, as far as anybody knows. */
  lost = false
  /** A user has given it up: another machine has its place, or none. */
  givenUp = false
  /** What a user calls its role. */
  readonly #placement: string
  readonly #hazards: Rng
  readonly #skewMs: number
  #mayStart = false
  #process: Mortal | null = null
  #agent: Agent | null = null
  #connection: SimConnection | null = null
  #connections: SimConnection[] = []
  #partitionedUntil = 0
  /** Where a server that does not lead has sent it; tried once. */
  #sentTo: string | null = null
  #isOn = true
  #onSince = 0
  #silentSince = 0

  constructor(
    name: string,
    capacity: Resources,
    around: Surroundings,
    servers: () => readonly SimServer[],
    placement = 'default',
  ) {
    this.name = name
    this.#placement = placement
    this.#around = around
    this.#rng = around.rng.split(name)
    this.#capacity = capacity
    this.#servers = servers
    this.#hazards = this.#rng.split('hazards')
    this.#skewMs = skewOf(name, around)
    const { clock, observe } = around
    const skewMs = this.#skewMs
    this.machine = { name, containers: new Map(), clock, rng: this.#rng.split('engine'), observe, skewMs }
    this.engines = { docker: new SimEngine('docker', this.machine), process: new SimEngine('process', this.machine) }
    this.#watchdog = new SimWatchdog(Object.values(this.engines))
    this.cache = new SimFile((text) => observe({ kind: 'cached', node: name, text }))
  }

  get awakeForMs(): number {
    return this.#process?.awakeForMs ?? 0
  }

  /** For how long it has answered other machines; 0: it does not. */
  get answeringForMs(): number {
    if (!this.isReachable) return 0
    return this.#around.clock.now() - Math.max(this.#onSince, this.#partitionedUntil)
  }

  /** For how long it has answered nobody; 0: it answers. */
  get silentForMs(): number {
    return this.isReachable ? 0 : this.#around.clock.now() - this.#silentSince
  }

  /** Whether other machines get an answer from this one. */
  get isReachable(): boolean {
    return this.#isOn && this.#around.clock.now() >= this.#partitionedUntil
  }

  get isUp(): boolean {
    return this.#process !== null
  }

  /** Whether that server has a connection of this node which it takes for open. */
  isTakenForConnected(server: Mortal | null): boolean {
    return this.#connections.some((one) => one.isOf(server) && one.isOpenAtServer)
  }

  /** For how long that server has taken it for away, or doubted that it is there; 0: it does not. */
  missedForMs(server: Mortal | null): number {
    const last = this.#connections.findLast((one) => one.isOf(server))
    return last?.missedForMs ?? server?.awakeForMs ?? 0
  }

  get connection(): SimConnection | null {
    return this.#connection?.isOver ? null : this.#connection
  }

  startAgent(): void {
    if (this.#process !== null || (this.lost && !this.#mayStart)) return
    if (!this.#isOn) this.#onSince = this.#around.clock.now()
    this.#isOn = true
    const { clock, faults, observe } = this.#around
    const user = new Mortal(`agent ${this.name}`, clock, {
      hazard: hazardOf(faults, this.#hazards, () => this.#dieOverACall()),
      skewMs: this.#skewMs,
    })
    this.#process = user
    const part = (what: string): Rng => this.#rng.split(`${what} ${clock.now()}`)
    const runtimes = RUNTIME_KINDS.map(
      (kind) =>
        new SimRuntime({ engine: this.engines[kind], cluster: CLUSTER_ID, user, rng: part(`runtime ${kind}`), faults }),
    )
    this.#agent = new Agent({
      clock: user.clock,
      rng: part('agent'),
      log: simLog(user, observe),
      host: new SimHost(this.machine, this.#capacity, user, part('host')),
      link: { connect: (calls) => this.#connect(calls, user), prefer: (address) => (this.#sentTo = address) },
      reach: simReach(user, this.name, this.#around, () => !this.isReachable),
      watchdog: this.#watchdog.seenBy(user),
      runtimes,
      identity: new SimIdentity({
        ...{ files: this.#identity, name: this.name, user, servers: this.#servers },
        onChange: () => this.#agent?.introduce(),
      }),
      cache: new SimDisk(this.cache, user, part('disk'), faults),
      trusts: (clusterId, incarnation, proof) => proof?.signature === signatureOf(clusterId, incarnation),
      config: {
        name: `${this.name}:7946`,
        nodeId: null,
        placement: this.#placement,
        address: null,
        publicAddress: null,
        region: null,
        zone: null,
        labels: {},
        version: this.program.version,
        level: this.program.level,
      },
    })
    void this.#agent.start()
  }

  #dieOverACall(): void {
    this.killAgent()
    this.#around.clock.after(this.#hazards.below(4_000), () => this.startAgent())
  }

  /** The agent stands still for so long; its machine answers all the same, and what it runs goes on. */
  pause(ms: number): void {
    this.#process?.pause(ms)
    this.#connection?.fallSilent()
  }

  /** The whole machine stands still for so long, and answers nobody. */
  freeze(ms: number): void {
    this.#noteSilence()
    this.#partitionedUntil = Math.max(this.#partitionedUntil, this.#around.clock.now() + ms)
    this.pause(ms)
  }

  /** What it waits for goes on now. */
  thaw(): void {
    this.#partitionedUntil = Math.min(this.#partitionedUntil, this.#around.clock.now())
    if (this.#process?.isPaused) this.#process.resume()
  }

  /** The agent's process is killed; what it runs goes on. */
  killAgent(): void {
    this.#process?.kill()
    this.#process = null
    this.#agent = null
    this.#around.observe({ kind: 'agent-died', node: this.name })
  }

  /** The agent goes down in an orderly way; with `park` it stops its tasks for the time it is away. */
  async stopAgent(park: boolean): Promise<void> {
    const [agent, user] = [this.#agent, this.#process]
    if (park) this.#around.observe({ kind: 'parking', node: this.name })
    if (user?.isPaused !== true) await agent?.stop({ park })
    if (this.#process !== user) return
    this.killAgent()
    this.#around.clock.after(this.#rng.below(3_000), () => this.startAgent())
  }

  /** Power is lost and comes back; the agent is to be started again by whoever did this. */
  reboot(): void {
    this.killAgent()
    this.#noteSilence()
    this.#isOn = false
    this.#around.observe({ kind: 'rebooted', node: this.name })
    this.#watchdog.forget()
    this.engines.docker.endAll(137)
    this.engines.process.endAll(null)
  }

  /** It burns down. */
  lose(): void {
    this.reboot()
    this.lost = true
    // What was asked of its engines a moment ago must not happen any more.
    for (const engine of Object.values(this.engines)) engine.goDown(FOR_GOOD_MS, false)
  }

  /** Somebody switches it on again all the same. */
  comeBack(): void {
    this.#mayStart = true
    for (const engine of Object.values(this.engines)) engine.goDown(0, true)
    this.startAgent()
  }

  /** For so long no server can be reached, and nobody is told. */
  partition(ms: number): void {
    this.#noteSilence()
    this.#partitionedUntil = this.#around.clock.now() + ms
    this.#connection?.break(8_000)
  }

  #noteSilence(): void {
    if (this.isReachable) this.#silentSince = this.#around.clock.now()
  }

  async #connect(calls: AgentCalls, user: Mortal): Promise<ServerConnection> {
    const { clock, observe, copies, network } = this.#around
    const rng = this.#rng
    const server = await user.ask(
      rng.below(10),
      () => {
        const ready = this.#servers().filter((one) => one.accepts && network.isWhole(this.name, one.machine))
        if (ready.length === 0 || clock.now() < this.#partitionedUntil)
          throw new OperationalError('UNAVAILABLE', 'no server answers')
        const leading = ready.find(({ address }) => address === this.#sentTo)
        this.#sentTo = null
        return leading ?? rng.pick(ready)
      },
      rng.below(10),
    )
    const process = server.process
    if (process === null) throw new OperationalError('UNAVAILABLE', 'no server answers')
    const name = this.name
    const peer = shownBy(this.#identity, name, server.clusterId)
    this.#connection = new SimConnection({
      peer,
      barred: peer === null ? null : server.barred(peer.serial),
      clock,
      rng,
      observe,
      node: name,
      serverMachine: server.machine,
      network,
      agent: user,
      server: process,
      calls,
      copies,
    })
    this.#connections = [...this.#connections.filter((one) => one.isServerAlive), this.#connection]
    server.accept(this.#connection.forServer())
    return this.#connection.forAgent()
  }
}
