import type { Accepted, Api } from '../../src/control/api.ts'
import { OperationalError } from '../../src/core/errors.ts'
import type { AuthorityChange, NodeChange, NodeSet } from '../../src/core/model/plan.ts'
import type { Rng } from '../../src/lib/rng.ts'
import { Mortal } from './mortal.ts'
import type { SimNode } from './node.ts'
import type { SimServer } from './server.ts'
import type { Surroundings } from './surroundings.ts'

export interface NodeUserDeps {
  readonly around: Surroundings
  readonly servers: readonly SimServer[]
  /** All machines that there ever were, the newest last. */
  readonly nodes: readonly SimNode[]
  /** Brings another machine. */
  readonly addNode: () => SimNode
  readonly say: (what: string) => void
}

/** By then a leader calls a node unreachable whose machine is off. */
const NOTICED_MS = 18_000

/** A user who steers nodes: drains, pauses and labels them, and gives up machines that are lost for good. */
export class NodeUser {
  readonly #deps: NodeUserDeps
  readonly #rng: Rng
  readonly #authorities: Rng
  readonly #lookRng: Rng
  readonly #user: Mortal
  #ended = false
  #open = 0

  constructor(deps: NodeUserDeps) {
    this.#deps = deps
    this.#rng = deps.around.rng.split('node user')
    this.#authorities = deps.around.rng.split('authorities')
    this.#lookRng = deps.around.rng.split('node user looks around')
    this.#user = new Mortal('node user', deps.around.clock)
  }

  start(): void {
    this.#wait()
    if (this.#deps.nodes.length > 1 && this.#rng.chance(0.5)) {
      this.#open += 1
      this.#deps.around.clock.after(3_000 + this.#rng.below(15_000), () => void this.#loseMachine())
    }
  }

  end(): void {
    this.#ended = true
  }

  /** Whether a machine that is lost has not been given up yet. */
  get waits(): boolean {
    return this.#open > 0
  }

  #wait(): void {
    this.#deps.around.clock.after(1_000 + this.#rng.below(6_000), () => {
      if (this.#ended) return
      void this.#steer()
      this.#wait()
    })
  }

  async #steer(): Promise<void> {
    const rng = this.#rng
    const api = this.#anApi()
    const nodes = api?.nodes() ?? []
    if (api === null || nodes.length === 0) return
    const node = rng.pick(nodes).id
    await this.#ask({ kind: 'node', node, set: this.#aSetting(), force: rng.chance(0.8) })
    await this.#tendAuthority(api, node)
    if (this.#lookRng.chance(0.1)) await this.#lookAround(api, node)
    // It may have been removed meanwhile.
    if (api.nodes().some(({ id }) => id === node)) api.explain(`node/${node}`)
  }

  /** The cluster gets an authority, and then another one now and then. */
  async #tendAuthority(api: Api, node: number): Promise<void> {
    if (!this.#authorities.chance(0.5)) return
    const server = this.#deps.servers.find((one) => one.api === api)
    const founding = settle(server?.foundAuthority(node) ?? Promise.resolve())
    await Promise.race([founding, this.#pause(2_000)])
    const answer = await this.#ask({ kind: 'rotate-authority' })
    if (answer !== 'accepted') return
    const view = await settle(Promise.resolve().then(() => api.authority()))
    if (typeof view !== 'string') this.#deps.say(`the authority is ${view.rotation}`)
  }

  /** What a person types who wants to see for himself. */
  async #lookAround(api: Api, node: number): Promise<void> {
    const caller = { by: 'node user', idempotencyKey: null }
    try {
      const session = await api.docker(node, { argv: ['ps'], timeoutMs: 60_000 }, caller)
      await session.exit
      await api.setConfig('strategy', this.#lookRng.pick(['spread', 'bin-pack']), caller)
      api.config()
      await api.setClusterSecret(null, caller)
      await this.#ask({ kind: 'rotate-cluster-key' })
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error
    }
  }

  #aSetting(): NodeSet {
    const rng = this.#rng
    const draw = rng.below(10)
    if (draw < 4) return { availability: 'drain' }
    if (draw < 5) return { availability: 'pause' }
    if (draw < 8) return { availability: 'active' }
    if (draw < 9) return { labels: { disk: rng.chance(0.5) ? 'ssd' : null } }
    const placement = rng.pick(['default', 'edge', null])
    return { placement, region: placement === null ? null : 'eu' }
  }

  /** A machine goes for good. Another one takes its place, or it is removed; sometimes it comes back all the same. */
  async #loseMachine(): Promise<void> {
    const rng = this.#rng
    const { nodes, around, addNode, say } = this.#deps
    const lost = rng.pick(nodes)
    say(`the machine of ${lost.name} is lost`)
    lost.lose()
    around.faults.count('machine lost')
    await this.#pause(NOTICED_MS)
    const id = await this.#idOf(lost)
    const way = rng.below(4)
    if (way === 2) addNode()
    if (id !== null && way === 3) await this.#leave(id)
    else if (id !== null) await this.#giveUp(id, lost, way > 0)
    if (way === 1) addNode()
    lost.givenUp = true
    // One that never joined, or that has lost its state, would be a new machine.
    const known = id !== null && lost.cache.text !== null
    if (known && rng.chance(0.5)) await this.#pause(rng.below(5_000)).then(() => lost.comeBack())
    this.#open -= 1
  }

  /** Until it is so, whatever is in the way. */
  async #giveUp(node: number, { name }: SimNode, replace: boolean): Promise<void> {
    for (;;) {
      const nodes = this.#anApi()?.nodes() ?? null
      const known = nodes?.find(({ id }) => id === node)
      // He was not told that it was done, and another machine has come meanwhile.
      if (known !== undefined && known.name !== `${name}:7946`) return
      const gone = nodes !== null && known === undefined
      const change: NodeChange = replace
        ? { kind: 'replace-node', node, with: null }
        : { kind: 'remove-node', node, force: true }
      const answer = await this.#ask(change)
      if (answer === 'PREREQUISITE') await this.#ask({ kind: 'fence-node', node, confirmDead: true })
      else if (answer === 'accepted' || (gone && answer === 'NOT_FOUND')) return
      await this.#pause(1_000)
    }
  }

  /** In the name of the machine: nothing runs there any more. */
  async #leave(node: number): Promise<void> {
    let machine: string | null | undefined
    for (;;) {
      const server = this.#deps.servers.find(({ api }) => api !== null)
      const there = server?.api?.nodes().find(({ id }) => id === node)
      if (machine === undefined) machine = there?.machineId
      // Its id may be another machine's by now.
      const left = there?.machineId === machine ? there : undefined
      if (server !== undefined && left === undefined) return
      const process = server?.process ?? null
      if (process !== null && server !== undefined && left !== undefined) {
        const answer = await new Promise<unknown>((resolve) => {
          process.onDeath(() => resolve('it died'))
          void settle(server.leave(node, left.machineId)).then(resolve)
        })
        this.#deps.say(`node ${node} leaves: ${String(answer ?? 'done')}`)
      }
      await this.#pause(1_000)
    }
  }

  /** null: it was lost before it joined. */
  async #idOf(lost: SimNode): Promise<number | null> {
    let api = this.#anApi()
    while (api === null) {
      await this.#pause(500)
      api = this.#anApi()
    }
    return api.nodes().find(({ name }) => name === `${lost.name}:7946`)?.id ?? null
  }

  #pause(ms: number): Promise<void> {
    return this.#user.ask(ms, () => undefined, 0)
  }

  #anApi(): Api | null {
    const serving = this.#deps.servers.filter(({ api }) => api !== null)
    return serving.length === 0 ? null : this.#rng.pick(serving).api
  }

  /** null: there was no answer. */
  async #ask(change: NodeChange | AuthorityChange): Promise<string | null> {
    const server = this.#deps.servers.filter(({ api }) => api !== null).at(this.#rng.below(2) - 1)
    const { api, process } = server ?? {}
    if (api == null || process == null || !process.alive) return null
    const plan = this.#rng.chance(0.3) ? await settle(api.plan(change)) : null
    if (typeof plan === 'string') return plan
    return new Promise((resolve) => {
      process.onDeath(() => resolve(null))
      void settle<Accepted>(api.apply(change, plan, { by: 'node user', idempotencyKey: null })).then((answer) => {
        const told = typeof answer === 'string' ? answer : 'accepted'
        this.#deps.say(`node user asks: ${JSON.stringify(change)}: ${told}`)
        resolve(told)
      })
    })
  }
}

/** What came of it, or the code of what it was refused with. */
async function settle<T>(asked: Promise<T>): Promise<T | string> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof OperationalError) return error.code
    throw error
  }
}
