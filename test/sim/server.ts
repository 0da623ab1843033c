import type { Api } from '../../src/control/api.ts'
import { Server } from '../../src/control/server.ts'
import { OperationalError } from '../../src/core/errors.ts'
import { FAILURE_DETECTIONS, VIGILANCES } from '../../src/core/node/vigilance.ts'
import { STRATEGIES } from '../../src/core/schedule/strategy.ts'
import type { AgentConnection } from '../../src/ports/link.ts'
import { backupTools } from '../memory-shelf.ts'
import { Mortal } from './mortal.ts'
import { FIRST_PROGRAM, type Program } from './program-version.ts'
import { simReach } from './reach.ts'
import { simLog } from './sim-log.ts'
import { SimStore } from './store.ts'
import type { StoreBackend } from './store-backend.ts'
import type { Surroundings } from './surroundings.ts'

/** One server of the cluster: its process comes and goes, the store stays. */
export class SimServer {
  readonly name: string
  /** Id of the cluster that it would create. */
  clusterId: string
  /** What it runs when it is started next. */
  program: Program = FIRST_PROGRAM
  readonly #around: Surroundings
  readonly #backend: StoreBackend
  #process: Mortal | null = null
  #server: Server | null = null
  #runs = 0
  #keptDown = false
  #unheardUntil = 0
  #retired = false

  constructor(name: string, clusterId: string, around: Surroundings, backend: StoreBackend) {
    this.name = name
    this.clusterId = clusterId
    this.#around = around
    this.#backend = backend
  }

  get process(): Mortal | null {
    return this.#process
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
    return this.#server !== null
  }

  /** Its API while it leads; null while it is down or waits for its turn. */
  get api(): Api | null {
    return this.#server?.leads ? this.#server.api : null
  }

  start(): void {
    if (this.#process !== null || this.#retired) return
    const { clock, rng, observe } = this.#around
    this.#runs += 1
    this.#keptDown = false
    const user = new Mortal(`${this.name} run ${this.#runs}`, clock)
    this.#process = user
    const server = new Server({
      store: new SimStore(this.#backend, user, clock),
      clock: user.clock,
      rng: rng.split(user.name),
      log: simLog(user, observe),
      reach: simReach(user, this.#around, () => false),
      certifier: () => null,
      backups: backupTools(),
      config: {
        name: this.name,
        address: this.address,
        newCluster: () => ({ id: this.clusterId, name: 'sim', incarnation: 1, createdAt: clock.now() }),
        strategy: STRATEGIES[0],
        patience: VIGILANCES[rng.split('vigilance').pick(FAILURE_DETECTIONS)].patience,
        preferRegion: null,
        version: this.program.version,
        level: this.program.level,
      },
    })
    this.#server = server
    server.start().catch((error: unknown) => {
      // What a process meets before it serves ends it; whoever started it starts it again.
      if (!(error instanceof OperationalError)) throw error
      if (this.#process === user) this.kill()
    })
  }

  accept(connection: AgentConnection): void {
    if (this.#server === null) connection.close()
    else this.#server.accept(connection)
  }

  kill(): void {
    const user = this.#process
    if (user === null) return
    this.#process = null
    this.#server = null
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
