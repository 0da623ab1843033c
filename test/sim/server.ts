import type { Api } from '../../src/control/api.ts'
import type { Renewal, Renewing } from '../../src/control/renew.ts'
import { Server } from '../../src/control/server.ts'
import { OperationalError } from '../../src/core/errors.ts'
import type { NodeId } from '../../src/core/model/ids.ts'
import { FAILURE_DETECTIONS, VIGILANCES } from '../../src/core/node/vigilance.ts'
import { STRATEGIES } from '../../src/core/schedule/strategy.ts'
import type { Rng } from '../../src/lib/rng.ts'
import type { AgentConnection } from '../../src/ports/link.ts'
import type { Store } from '../../src/ports/store.ts'
import { backupTools } from '../memory-shelf.ts'
import { plainAuthority } from '../plain-certifier.ts'
import { hazardOf, skewOf } from './hazard.ts'
import type { SimMemory } from './memory/stores.ts'
import { Mortal } from './mortal.ts'
import { FIRST_PROGRAM, type Program } from './program-version.ts'
import { simReach } from './reach.ts'
import { simLog } from './sim-log.ts'
import { SimStore } from './store.ts'
import type { StoreBackend } from './store-backend.ts'
import type { Surroundings } from './surroundings.ts'

/** What makes a server one of several that keep the state in their memories. */
export interface InMemory {
  readonly id: NodeId
  readonly memory: SimMemory
}

/** One server of the cluster: its process comes and goes, the store stays. */
export class SimServer {
  readonly name: string
  /** Where it runs. */
  readonly machine: string
  /** Id of the cluster that it would create. */
  clusterId: string
  /** What it runs when it is started next. */
  program: Program = FIRST_PROGRAM
  readonly #around: Surroundings
  readonly #backend: StoreBackend
  readonly #hazards: Rng
  readonly #skewMs: number
  readonly #inMemory: InMemory | null
  #process: Mortal | null = null
  #server: Server | null = null
  #store: SimStore | null = null
  #isServing = false
  #hasLed = false
  #runs = 0
  #keptDown = false
  #unheardUntil = 0
  #retired = false

  /** `inMemory`: it has no part of the store of the others but keeps the state itself; null: it uses that store. */
  constructor(
    name: string,
    clusterId: string,
    around: Surroundings,
    backend: StoreBackend,
    machine = name,
    inMemory: InMemory | null = null,
  ) {
    this.name = name
    this.#inMemory = inMemory
    this.machine = machine
    this.clusterId = clusterId
    this.#around = around
    this.#backend = backend
    this.#hazards = around.rng.split(`hazards of ${name}`)
    this.#skewMs = skewOf(machine, around)
  }

  get process(): Mortal | null {
    return this.#process
  }

  get awakeForMs(): number {
    return this.#process?.awakeForMs ?? 0
  }

  get address(): string {
    return `${this.name}:7947`
  }

  /** What other servers meet that knock at its port. */
  get door(): 'open' | 'refused' | 'silent' {
    if (this.#around.clock.now() < this.#unheardUntil) return 'silent'
    return this.#process === null ? 'refused' : 'open'
  }

  /** For so long other servers do not hear it, although it is there. */
  beUnheard(ms: number): void {
    this.#unheardUntil = this.#around.clock.now() + ms
  }

  /** Whether agents can connect to it. */
  get accepts(): boolean {
    return this.#server !== null && this.#process?.isPaused === false
  }

  /** Its API while it leads; null while it is down or waits for its turn. */
  get api(): Api | null {
    return this.#server?.leads ? this.#server.api : null
  }

  /** Whether this run of it has never led. */
  get neverLed(): boolean {
    return this.#process !== null && !this.#hasLed
  }

  /** Its API whether it leads or not; null while it is down or has no view yet. */
  get anyApi(): Api | null {
    return this.#isServing ? (this.#server?.api ?? null) : null
  }

  start(): void {
    if (this.#process !== null || this.#retired) return
    const { clock } = this.#around
    this.#runs += 1
    this.#keptDown = false
    const user = new Mortal(`${this.name} run ${this.#runs}`, clock, {
      hazard: hazardOf(this.#around.faults, this.#hazards, () => this.kill()),
      skewMs: this.#skewMs,
    })
    this.#process = user
    this.#isServing = false
    if (this.#inMemory === null) {
      this.#run(user, this.#openStore(user))
      return
    }
    const { id, memory } = this.#inMemory
    void memory.open({ id, machine: this.machine, user }).then((store) => {
      if (this.#process === user) this.#run(user, store)
    })
  }

  #run(user: Mortal, store: Store): void {
    const { clock, rng, observe } = this.#around
    const server = new Server({
      store,
      clock: user.clock,
      rng: rng.split(user.name),
      log: simLog(user, observe),
      reach: simReach(user, this.machine, this.#around, () => false),
      certifier: () => this.#backend.certifier,
      backups: backupTools(),
      config: {
        name: this.name,
        address: this.address,
        newCluster: () => ({ id: this.clusterId, name: 'sim', incarnation: 1, createdAt: clock.now() }),
        strategy: STRATEGIES[0],
        vigilance: VIGILANCES[rng.split('vigilance').pick(FAILURE_DETECTIONS)],
        preferRegion: null,
        version: this.program.version,
        level: this.program.level,
        ...(this.#inMemory !== null && ({ isVolatile: true } as const)),
      },
    })
    this.#server = server
    this.#hasLed = false
    const led = (): void => {
      if (this.#process === user) this.#hasLed = true
    }
    // What keeps it from leading now may be over next time.
    const awaitLead = (): void =>
      void server.untilLeading().then(led, () => {
        if (this.#process === user) awaitLead()
      })
    awaitLead()
    const serving = (): void => {
      if (this.#process === user) this.#isServing = true
    }
    server.start().then(serving, (error: unknown) => {
      // What a process meets before it serves ends it; whoever started it starts it again.
      if (!(error instanceof OperationalError)) throw error
      if (this.#process === user) this.kill()
    })
  }

  /** null: it is lost before it answers. */
  async renew(who: Renewing, request: string): Promise<Renewal | null> {
    const [user, server] = [this.#process, this.#server]
    if (user === null || server === null) return null
    return new Promise((resolve, reject) => {
      user.onDeath(() => resolve(null))
      server.renew(who, request).then(resolve, reject)
    })
  }

  /** Why a certificate is not believed any more; null: it is. */
  barred(serial: string): string | null {
    return this.#server?.revoked?.all.has(serial) === true ? 'it was revoked' : null
  }

  /** Gives the cluster an authority, if it has none. */
  async foundAuthority(node: NodeId): Promise<void> {
    const issued = { serial: 'serial-0', keyHash: 'key-0', authority: '[authority 1]', issuedAt: 0, notAfter: 1 }
    if (this.#server?.authority === null)
      await this.#server.foundAuthority(plainAuthority(), { nodeId: node, issued, proof: null })
  }

  #openStore(user: Mortal): SimStore {
    const { clock, network } = this.#around
    this.#store = new SimStore(this.#backend, user, clock, this.machine, network)
    return this.#store
  }

  /** The process stands still for so long: to everybody else it is silent. */
  pause(ms: number): void {
    this.#process?.pause(ms)
    this.#store?.fallSilent()
    if (this.#process !== null) this.#inMemory?.memory.fallSilent(this.#process)
  }

  accept(connection: AgentConnection): void {
    if (this.#server === null) connection.close()
    else this.#server.accept(connection)
  }

  /** A node says that it runs nothing any more. Does not end when this process dies. */
  async leave(nodeId: number, machineId: string | null): Promise<void> {
    await this.#server?.leave({ nodeId }, machineId)
  }

  /** What it waits for goes on now. */
  thaw(): void {
    if (this.#process?.isPaused) this.#process.resume()
  }

  kill(): void {
    const user = this.#process
    if (user === null) return
    this.#process = null
    this.#server = null
    this.#isServing = false
    user.kill()
    const { lease } = this.#backend
    const { clock, rng } = this.#around
    // The store sees that the holder is gone when its lease runs out.
    clock.after(rng.below(2_000), () => {
      if (lease.holder === user) lease.takeAway(false)
    })
  }

  /** Ends leading and serving in an orderly way. */
  async stop(): Promise<void> {
    const [user, server] = [this.#process, this.#server]
    if (user?.isPaused) return this.kill()
    await server?.stop()
    if (this.#process === user) this.kill()
  }

  /** Down until `start` is called again. */
  keepDown(): void {
    this.#keptDown = true
    this.kill()
  }

  /** Down for good. */
  retire(): void {
    this.#retired = true
    this.kill()
  }

  /** What a service manager does now and then: starts what is down. */
  lookAfter(): void {
    if (!this.#keptDown && this.#process === null) this.start()
  }
}
