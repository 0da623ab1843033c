import type { Api } from '../../src/control/api.ts'
import { OperationalError } from '../../src/core/errors.ts'
import type { UpgradeChange } from '../../src/core/model/plan.ts'
import type { Rng } from '../../src/lib/rng.ts'
import { Mortal } from './mortal.ts'
import type { SimNode } from './node.ts'
import { NEXT_PROGRAM } from './program-version.ts'
import type { SimServer } from './server.ts'
import type { Surroundings } from './surroundings.ts'

export interface UpgradeUserDeps {
  readonly around: Surroundings
  readonly servers: readonly SimServer[]
  /** All machines that there ever were. */
  readonly nodes: readonly SimNode[]
  readonly say: (what: string) => void
}

const CHANGE: UpgradeChange = { kind: 'upgrade', ...NEXT_PROGRAM, force: true }

/** A user who gives every machine the next version, in any order, and raises the level of the cluster when all have it. */
export class UpgradeUser {
  readonly #deps: UpgradeUserDeps
  readonly #rng: Rng
  readonly #user: Mortal
  #waits = false

  constructor(deps: UpgradeUserDeps) {
    this.#deps = deps
    this.#rng = deps.around.rng.split('upgrade user')
    this.#user = new Mortal('upgrade user', deps.around.clock)
  }

  /** Whether the level has not been raised yet. */
  get waits(): boolean {
    return this.#waits
  }

  start(): void {
    this.#waits = true
    void this.#upgrade()
  }

  async #upgrade(): Promise<void> {
    const { around, say } = this.#deps
    around.faults.count('upgrade')
    for (;;) {
      await this.#pause(500 + this.#rng.below(4_000))
      const machine = this.#rng.pick([...this.#behind(), null])
      if (machine !== null) {
        say(`${machine.name} gets the next version`)
        machine.program = NEXT_PROGRAM
        if ('killAgent' in machine) await this.#restart(machine)
        else machine.kill()
      } else if (await this.#finished()) break
    }
    say('the level of the cluster is raised')
    this.#waits = false
  }

  #behind(): (SimServer | SimNode)[] {
    const { servers, nodes } = this.#deps
    return [...servers, ...nodes].filter(({ program }) => program !== NEXT_PROGRAM)
  }

  async #restart(node: SimNode): Promise<void> {
    if (!node.isUp) return
    node.killAgent()
    await this.#pause(this.#rng.below(2_000))
    node.startAgent()
  }

  /** False: not yet, or there was no answer. */
  #finished(): Promise<boolean> {
    const server = this.#deps.servers.find(({ api }) => api !== null)
    const { api, process } = server ?? {}
    if (api == null || process == null) return Promise.resolve(false)
    return new Promise((resolve) => {
      process.onDeath(() => resolve(false))
      void raiseLevel(api).then(resolve)
    })
  }

  #pause(ms: number): Promise<void> {
    return this.#user.ask(ms, () => undefined, 0)
  }
}

async function raiseLevel(api: Api): Promise<boolean> {
  try {
    const plan = await api.plan(CHANGE)
    const { plan: accepted } = await api.apply(CHANGE, plan, { by: 'upgrade user', idempotencyKey: null })
    return accepted.blockers.length === 0
  } catch (error) {
    if (error instanceof OperationalError) return false
    throw error
  }
}
