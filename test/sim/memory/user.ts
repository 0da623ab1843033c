import type { Api } from '../../../src/control/api.ts'
import { OperationalError } from '../../../src/core/errors.ts'
import type { Change, NodeChange } from '../../../src/core/model/plan.ts'
import type { Rng } from '../../../src/lib/rng.ts'
import { randomServices } from '../manifests.ts'
import { Mortal } from '../mortal.ts'
import type { SimNode } from '../node.ts'
import type { SimServer } from '../server.ts'
import type { Surroundings } from '../surroundings.ts'

export interface MemoryUserDeps {
  readonly around: Surroundings
  readonly servers: readonly SimServer[]
  readonly nodes: readonly SimNode[]
  readonly say: (what: string) => void
  readonly broken: (what: string) => void
}

const TASTE = { nodes: 3, withFailures: false, tight: false, wide: false, placements: ['default'] }

/** A user of servers that keep the state in their memories: steers nodes, sends one away, and cannot run anything. */
export class MemoryUser {
  readonly #deps: MemoryUserDeps
  readonly #rng: Rng
  readonly #user: Mortal
  #ended = false
  #open = 0

  constructor(deps: MemoryUserDeps) {
    this.#deps = deps
    this.#rng = deps.around.rng.split('memory user')
    this.#user = new Mortal('user', deps.around.clock)
  }

  start(): void {
    this.#wait()
    if (this.#deps.nodes.length > 1 && this.#rng.chance(0.5)) {
      this.#open += 1
      this.#deps.around.clock.after(1_000 + this.#rng.below(20_000), () => void this.#sendAway())
    }
  }

  end(): void {
    this.#ended = true
  }

  /** Whether a machine is still to be sent away. */
  get waits(): boolean {
    return this.#open > 0
  }

  #wait(): void {
    this.#deps.around.clock.after(500 + this.#rng.below(4_000), () => {
      if (this.#ended) return
      void this.#act()
      this.#wait()
    })
  }

  async #act(): Promise<void> {
    const rng = this.#rng
    if (rng.chance(0.2)) {
      const manifest = { services: randomServices(rng, TASTE), placements: [] }
      const told = await this.#ask({ kind: 'apply', manifest, text: '# refused' })
      if (told === 'accepted') this.#deps.broken('an apply was accepted where nothing can run')
      return
    }
    const nodes = this.#api()?.nodes() ?? []
    if (nodes.length === 0) return
    const availability = rng.pick(['active', 'active', 'drain', 'pause'] as const)
    const set = rng.chance(0.5) ? { labels: { mark: String(rng.below(1_000)) } } : { availability }
    await this.#ask({ kind: 'node', node: rng.pick(nodes).id, set, force: true })
  }

  /** A machine is lost and its node removed. It may come back all the same, and must not be let in. */
  async #sendAway(): Promise<void> {
    const { nodes, around, say } = this.#deps
    const lost = this.#rng.pick(nodes)
    say(`the machine of ${lost.name} is lost`)
    lost.lose()
    around.faults.count('machine lost')
    for (;;) {
      await this.#user.ask(1_000, () => undefined, 0)
      const there = this.#api()
        ?.nodes()
        .find(({ name }) => name === `${lost.name}:7946`)
      if (there === undefined) continue
      const change: NodeChange = { kind: 'remove-node', node: there.id, force: true }
      if ((await this.#ask(change)) === 'accepted') break
    }
    lost.givenUp = true
    if (this.#rng.chance(0.7)) {
      await this.#user.ask(this.#rng.below(5_000), () => undefined, 0)
      lost.comeBack()
    }
    this.#open -= 1
  }

  #api(): Api | null {
    const leading = this.#deps.servers.filter(({ api }) => api !== null)
    return leading.length === 0 ? null : this.#rng.pick(leading).api
  }

  /** What he is told; null: nothing. */
  async #ask(change: Change): Promise<string | null> {
    const leading = this.#deps.servers.filter(({ api, process }) => api !== null && process?.isPaused === false)
    const { api, process } = leading.length === 0 ? {} : this.#rng.pick(leading)
    if (api == null || process == null) return null
    const told = await new Promise<string | null>((resolve) => {
      process.onDeath(() => resolve(null))
      api.apply(change, null, { by: 'user', idempotencyKey: null }).then(
        () => resolve('accepted'),
        (error: unknown) => {
          if (!(error instanceof OperationalError)) throw error
          resolve(error.code)
        },
      )
    })
    this.#deps.say(`user asks: ${change.kind === 'apply' ? 'apply' : JSON.stringify(change)}: ${told ?? 'no answer'}`)
    return told
  }
}
