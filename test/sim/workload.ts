import type { Accepted, Api } from '../../src/control/api.ts'
import { OperationalError } from '../../src/core/errors.ts'
import type { Change } from '../../src/core/model/plan.ts'
import type { ServiceSpec } from '../../src/core/model/service.ts'
import type { Rng } from '../../src/lib/rng.ts'
import { changedServices, randomService, randomServices, type Taste } from './manifests.ts'
import { Mortal } from './mortal.ts'
import type { SimServer } from './server.ts'
import type { Surroundings } from './surroundings.ts'

/** What a user asked for, and what he was told. */
export interface Request {
  readonly id: string
  readonly change: Change
  readonly key: string | null
  /** null: no answer, or one that says that the outcome is unknown. */
  /** Whether some try of it got no answer, or none that says whether it was done. */
  uncertain: boolean
  answer:
    | { readonly kind: 'accepted'; readonly accepted: Accepted }
    | { readonly kind: 'refused'; readonly code: string }
    | null
}

export interface WorkloadDeps {
  readonly around: Surroundings
  readonly servers: readonly SimServer[]
  readonly taste: Taste
  readonly onRequest: (request: Request) => void
  readonly onAnswer: (request: Request) => void
  /** A promise was broken to this user. */
  readonly broken: (what: string) => void
}

/** Answers that mean that nothing was written, whatever the store did. */
const NOTHING_DONE = new Set(['CONFLICT', 'PLAN_STALE', 'NOT_FOUND', 'USAGE', 'UNSUPPORTED', 'ALREADY_EXISTS'])

/** A user who changes things at random, sometimes two at once, and repeats what was not answered. */
export class Workload {
  readonly #deps: WorkloadDeps
  readonly #rng: Rng
  readonly #user: Mortal
  #services: Readonly<Record<string, ServiceSpec>> = {}
  #requests = 0
  #ended = false
  #open = 0

  constructor(deps: WorkloadDeps) {
    this.#deps = deps
    this.#rng = deps.around.rng.split('workload')
    this.#user = new Mortal('user', deps.around.clock)
  }

  start(): void {
    this.#wait(300 + this.#rng.below(1_500))
  }

  /** Whether the user still waits for an answer. */
  get waits(): boolean {
    return this.#open > 0
  }

  end(): void {
    this.#ended = true
  }

  #wait(ms: number): void {
    this.#deps.around.clock.after(ms, () => {
      if (this.#ended) return
      void this.#act()
      this.#wait(this.#rng.chance(0.2) ? this.#rng.below(50) : 500 + this.#rng.below(7_000))
    })
  }

  async #act(): Promise<void> {
    const rng = this.#rng
    const draw = this.#requests === 0 ? 0 : rng.below(100)
    if (draw < 35) return this.#ask(this.#nextManifest(), rng.chance(0.2))
    if (draw < 47) return this.#ask({ kind: 'scale', service: this.#aService(), replicas: rng.below(4) })
    if (draw < 55) return this.#ask({ kind: 'restart', service: this.#aService() })
    if (draw < 62) return this.#ask({ kind: 'rollback', to: null })
    if (draw < 64) return this.#ask({ kind: 'destroy' })
    if (draw < 68) return this.#ask({ kind: 'reapply' })
    if (draw < 80) return this.#call((api) => this.#stopSomething(api))
    if (draw < 90) return this.#call((api) => this.#dispatch(api))
    if (draw < 94) return this.#call((api) => this.#stopDispatch(api))
    return this.#call((api) => this.#readSomething(api))
  }

  #nextManifest(): Change {
    const { taste } = this.#deps
    const rng = this.#rng
    const fresh = Object.keys(this.#services).length === 0 || rng.chance(0.15)
    this.#services = fresh ? randomServices(rng, taste) : changedServices(this.#services, rng, taste)
    const manifest = { services: this.#services, placements: [] }
    return { kind: 'apply', manifest, text: `# manifest ${this.#requests}` }
  }

  #aService(): string {
    const names = Object.keys(this.#services)
    return names.length === 0 ? 'web' : this.#rng.pick(names)
  }

  /** Asks for a change until there is an answer. With `planned`, looks at the plan first and insists on it. */
  async #ask(change: Change, planned = false): Promise<void> {
    const rng = this.#rng
    this.#requests += 1
    this.#open += 1
    const id = `user r${this.#requests}`
    const request: Request = { id, change, key: rng.chance(0.6) ? `key ${id}` : null, uncertain: false, answer: null }
    this.#deps.onRequest(request)
    const pauseMs = rng.below(3_000)
    await this.#try(request, async (api) => {
      const plan = planned ? await api.plan(change) : null
      if (plan !== null) await this.#user.ask(pauseMs, () => undefined, 0)
      return api.apply(change, plan, { by: id, idempotencyKey: request.key })
    })
    // Some users are not sure that it worked, and say it again.
    if (request.key !== null && rng.chance(0.15)) {
      this.#deps.around.faults.count('client retry')
      await this.#try(request, (api) => api.apply(change, null, { by: id, idempotencyKey: request.key }))
    }
    this.#open -= 1
  }

  async #try(request: Request, ask: (api: Api) => Promise<Accepted>): Promise<void> {
    const tries = request.key === null ? 1 : 4
    for (let i = 0; i < tries && !(this.#ended && i > 0); i++) {
      if (i > 0) this.#deps.around.faults.count('client retry')
      const answer = await this.#reach(ask)
      const isTold = answer !== null && (answer.kind === 'accepted' || NOTHING_DONE.has(answer.code))
      if (isTold && (answer.kind === 'accepted' || request.answer === null)) request.answer = answer
      else request.uncertain = true
      // What he was told before says nothing of a try that got no answer.
      if (isTold || request.answer === null) this.#deps.onAnswer(request)
      if (isTold) return
      await this.#user.ask(200 + this.#rng.below(2_000), () => undefined, 0)
    }
  }

  /** One try with some server. null: it went away before it answered. */
  async #reach(ask: (api: Api) => Promise<Accepted>): Promise<NonNullable<Request['answer']> | null> {
    const follower = this.#aFollower()
    const server = follower ?? this.#aServer()
    if (server === null) return null
    const { anyApi: api, process } = server
    if (api === null || process === null) return null
    await this.#user.ask(this.#rng.below(5), () => undefined, 0)
    if (!process.alive) return null
    return new Promise((resolve) => {
      process.onDeath(() => resolve(null))
      ask(api).then(
        (accepted) => {
          if (follower?.neverLed === true) this.#deps.broken(`${process.name} made a change, and never led`)
          resolve({ kind: 'accepted', accepted })
        },
        (error: unknown) => {
          if (!(error instanceof OperationalError)) throw error
          resolve({ kind: 'refused', code: error.code })
        },
      )
    })
  }

  /** Now and then somebody asks a server that does not lead. */
  #aFollower(): SimServer | null {
    const { servers, around } = this.#deps
    const following = servers.filter(({ api, anyApi }) => api === null && anyApi !== null)
    if (following.length === 0 || !around.faults.hit('follower asked', this.#rng)) return null
    return this.#rng.pick(following)
  }

  #aServer(): SimServer | null {
    const serving = this.#deps.servers.filter(({ api }) => api !== null)
    return serving.length === 0 ? null : this.#rng.pick(serving)
  }

  async #call(call: (api: Api) => Promise<unknown>): Promise<void> {
    const api = this.#aServer()?.api ?? null
    if (api === null) return
    try {
      await call(api)
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error
    }
  }

  async #stopSomething(api: Api): Promise<void> {
    const tasks = api.tasks({ service: null, all: false })
    if (tasks.length > 0) await api.stopTask(this.#rng.pick(tasks).id, { by: 'user', idempotencyKey: null })
  }

  async #dispatch(api: Api): Promise<void> {
    this.#requests += 1
    const name = 'task'
    const id = `${String(this.#requests).padStart(8, '0')}-0000-4000-8000-000000000000`
    const drawn = randomService(name, this.#rng, this.#deps.taste)
    const ports = drawn.container.ports.map((port) => ({ ...port, host: null }))
    const spec: ServiceSpec = { ...drawn, mode: 'job', replicas: 1, container: { ...drawn.container, ports } }
    const caller = { by: 'user', idempotencyKey: this.#rng.chance(0.5) ? `key ${id}` : null }
    await api.dispatch({ id, name, spec }, caller)
  }

  async #stopDispatch(api: Api): Promise<void> {
    const dispatches = api.dispatches()
    if (dispatches.length > 0)
      await api.stopDispatch(this.#rng.pick(dispatches).id, { by: 'user', idempotencyKey: null })
  }

  /** Everything that only reads must at least not disturb. */
  async #readSomething(api: Api): Promise<void> {
    const names = api.services().map(({ name }) => name)
    const name = names[0]
    api.cluster()
    api.revisions()
    api.joinTokens()
    await api.settle({ by: 'user', idempotencyKey: null })
    await api.createBackup(`b${this.#rng.below(2 ** 32)}`)
    await api.backups()
    for await (const line of api.backUp()) if (line === '') return
    await api.samples()
    await api.servers()
    // Here the servers share a store that somebody else keeps.
    if (this.#rng.chance(0.1)) await api.removeServer('server-1', { by: 'user', idempotencyKey: null })
    for (const node of api.nodes()) await api.hostStats(node.id)
    if (name === undefined) return
    api.explain(name)
    const [task] = api.tasks({ service: name, all: false })
    if (task !== undefined) await api.inspect(task.id)
    const lines = api.serviceLogs(name, { follow: false, tail: 5, since: null }, new AbortController().signal)
    for await (const line of lines) if (line.task === '') return
  }
}
