import { OperationalError } from '../../src/core/errors.ts'
import type { Millis } from '../../src/core/model/ids.ts'
import type { RuntimeDescription } from '../../src/core/model/node.ts'
import type { RuntimeKind } from '../../src/core/model/service.ts'
import type { Rng } from '../../src/lib/rng.ts'
import type {
  Container,
  ContainerOrder,
  ContainerStats,
  ExecRequest,
  ExecSession,
  LogLine,
  LogQuery,
  PullProgress,
  Runtime,
} from '../../src/ports/runtime.ts'
import type { SimContainer } from './container.ts'
import type { SimEngine } from './engine.ts'
import { SimExec } from './exec.ts'
import type { EngineCall } from './facts.ts'
import type { Faults } from './faults.ts'
import type { Mortal } from './mortal.ts'

export interface RuntimeDeps {
  readonly engine: SimEngine
  readonly cluster: string
  /** The agent that uses it. */
  readonly user: Mortal
  readonly rng: Rng
  readonly faults: Faults
}

/** Typical time of a call, half of it before it takes effect; engines take longer than processes. */
const TYPICAL_MS = { look: 4, create: 30, start: 80, remove: 20, other: 5 } as const

/** One agent's way to an engine: calls take time, fail when the engine is down, and answers get lost. */
export class SimRuntime implements Runtime {
  readonly kind: RuntimeKind
  readonly #deps: RuntimeDeps
  readonly #unwatch = new Set<() => void>()

  constructor(deps: RuntimeDeps) {
    this.#deps = deps
    this.kind = deps.engine.kind
    deps.user.onDeath(() => void this.close())
  }

  describe(): Promise<RuntimeDescription> {
    const { engine, user } = this.#deps
    const describe = (): RuntimeDescription => ({
      kind: this.kind,
      available: engine.isUp,
      version: '1',
      message: engine.isUp ? '' : 'nobody answers',
      unsupported: {},
    })
    return user.ask(this.#time('look'), describe, this.#time('look'))
  }

  list(): Promise<readonly Container[]> {
    const { engine, cluster } = this.#deps
    return this.#ask('look', () => engine.all(cluster).map((container) => container.seen(engine.machine.skewMs)))
  }

  inspect(containerId: string): Promise<Container | null> {
    const { engine, cluster } = this.#deps
    return this.#ask('look', () => engine.find(containerId, cluster)?.seen(engine.machine.skewMs) ?? null)
  }

  presentImages(images: readonly string[]): Promise<readonly string[]> {
    const { engine } = this.#deps
    return this.#ask('look', () => (this.kind === 'docker' ? images.filter((image) => engine.hasImage(image)) : []))
  }

  async create(
    order: ContainerOrder,
    onProgress: (progress: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<string> {
    const { engine, cluster, user } = this.#deps
    const present = await this.#ask('look', () => {
      signal.throwIfAborted()
      return engine.ofTask(order.taskId, cluster)?.id ?? null
    })
    if (present !== null) return present
    const { image } = order.spec
    const pullMs = engine.pullMs(image)
    if (image !== null && pullMs > 0) {
      onProgress({ image, layersDone: 0, layers: 1, bytesDone: 0, bytes: 1 })
      await user.ask(pullMs * engine.slowness, () => signal.throwIfAborted(), 0)
    }
    return this.#ask('create', () => {
      signal.throwIfAborted()
      engine.requireImage(image)
      const meanwhile = engine.ofTask(order.taskId, cluster)
      if (meanwhile !== null) return meanwhile.id
      const container = engine.create(order, cluster)
      this.#tellCall('create', container)
      return container.id
    })
  }

  start(containerId: string): Promise<void> {
    const { machine } = this.#deps.engine
    const start = this.#ask('start', () => {
      const container = this.#require(containerId)
      this.#tellCall('start', container)
      this.#deps.engine.start(container)
    })
    return start.catch((error: unknown) => {
      const taskId = machine.containers.get(containerId)?.order.taskId
      if (taskId !== undefined) machine.observe({ kind: 'start-unanswered', node: machine.name, taskId })
      throw error
    })
  }

  async stop(
    containerId: string,
    options: { readonly signal: string | null; readonly graceMs: Millis },
  ): Promise<void> {
    const { engine, cluster, user } = this.#deps
    const stopping = await this.#ask('other', () => {
      const container = engine.find(containerId, cluster)
      if (container === null) return { done: Promise.resolve() }
      this.#tellCall('stop', container)
      const signal = options.signal ?? container.order.spec.stopSignal ?? 'SIGTERM'
      const done = engine.stop(container, signal, options.graceMs)
      // The program ends whether or not anybody waits for it.
      done.catch(() => undefined)
      return { done }
    })
    await user.await(stopping.done)
    await this.#ask('look', () => undefined)
  }

  remove(containerId: string): Promise<void> {
    const { engine, cluster } = this.#deps
    return this.#ask('remove', () => {
      const container = engine.find(containerId, cluster)
      if (container === null) return
      this.#tellCall('remove', container)
      engine.remove(container, 'remove')
    })
  }

  watch(onHint: (containerId: string | null) => void): () => void {
    const { engine, cluster, user, rng, faults } = this.#deps
    const unwatch = engine.watch(cluster, (id) => {
      if (id !== null && faults.hit('hint lost', rng)) return
      void user.ask(this.#time('look'), () => this.#unwatch.has(unwatch) && onHint(id), 0)
    })
    this.#unwatch.add(unwatch)
    return () => {
      unwatch()
      this.#unwatch.delete(unwatch)
    }
  }

  async *logs(containerId: string, query: LogQuery, signal: AbortSignal): AsyncGenerator<LogLine> {
    const container = await this.#ask('look', () => this.#require(containerId))
    const recent = container.lines.filter(({ at }) => query.since === null || at >= query.since)
    yield* query.tail === null ? recent : recent.slice(recent.length - Math.min(query.tail, recent.length))
    let read = container.lines.length
    while (query.follow && container.state === 'running') {
      await news(container, signal)
      yield* container.lines.slice(read)
      read = container.lines.length
    }
  }

  exec(containerId: string, request: ExecRequest): Promise<ExecSession> {
    return this.#ask('other', () => {
      const container = this.#require(containerId)
      requireRunning(container)
      return new SimExec(container, request, container.serves(this.#deps.engine.machine.clock.now()))
    })
  }

  stats(containerId: string): Promise<ContainerStats> {
    return this.#ask('look', () => {
      const container = this.#require(containerId)
      requireRunning(container)
      const at = this.#deps.engine.machine.clock.now()
      return { at, memoryBytes: 10_000_000, cpuMs: Math.floor((at - (container.startedAt ?? at)) / 20) }
    })
  }

  async close(): Promise<void> {
    for (const unwatch of this.#unwatch) unwatch()
    this.#unwatch.clear()
  }

  #require(id: string): SimContainer {
    const container = this.#deps.engine.find(id, this.#deps.cluster)
    if (container === null) throw new OperationalError('NOT_FOUND', `there is no container ${id}`)
    return container
  }

  #tellCall(call: EngineCall, container: SimContainer): void {
    const { machine } = this.#deps.engine
    machine.observe({ kind: 'call', node: machine.name, call, container })
  }

  #ask<T>(call: keyof typeof TYPICAL_MS, effect: () => T): Promise<T> {
    const { engine, user, rng, faults } = this.#deps
    const guarded = (): T => {
      engine.requireUp()
      if (faults.hit('request lost', rng)) throw unanswered(this.kind)
      const answer = effect()
      if (faults.hit('reply lost', rng)) throw unanswered(this.kind)
      return answer
    }
    return user.ask(this.#time(call), guarded, this.#time(call))
  }

  #time(call: keyof typeof TYPICAL_MS): Millis {
    const { engine, rng } = this.#deps
    const typical = this.kind === 'docker' ? TYPICAL_MS[call] : TYPICAL_MS[call] / 4
    return Math.floor(typical * (0.25 + rng.next()) * engine.slowness)
  }
}

function unanswered(kind: RuntimeKind): OperationalError {
  return new OperationalError('UNAVAILABLE', `no answer from ${kind}`)
}

function requireRunning(container: SimContainer): void {
  if (container.state !== 'running') throw new OperationalError('RUNTIME_REFUSED', `${container.id} is not running`)
}

/** Resolves when the container has printed or ended; rejects with the signal's reason. */
function news(container: SimContainer, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (done: () => void) => (): void => {
      container.onNews.delete(arrived)
      signal.removeEventListener('abort', aborted)
      done()
    }
    const arrived = finish(resolve)
    const aborted = finish(() => reject(signal.reason as Error))
    container.onNews.add(arrived)
    signal.addEventListener('abort', aborted, { once: true })
    if (signal.aborted) aborted()
  })
}
