import { OperationalError } from '../core/errors.ts'
import type { Millis, TaskId } from '../core/model/ids.ts'
import type { RuntimeKind } from '../core/model/service.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Container, Runtime } from '../ports/runtime.ts'

/**
 * What the runtimes of this node were last seen to hold. Hints make it look again; between a look and the next it may
 * be out of date, so every decision is followed by another look.
 */
export class Containers {
  readonly #runtimes: ReadonlyMap<RuntimeKind, Runtime>
  readonly #clock: Clock
  readonly #log: Log
  readonly #onChange: () => void
  readonly #onReach: () => void
  readonly #isActing: (containerId: string) => boolean
  readonly #byTask = new Map<TaskId, { readonly kind: RuntimeKind; readonly container: Container }>()
  readonly #looking = new Map<string, { again: boolean; done: Promise<void> }>()
  /** Runtimes whose containers are not known, and since when. */
  readonly #silent = new Map<RuntimeKind, Millis>()
  readonly #everListed = new Set<RuntimeKind>()
  readonly #unwatch: (() => void)[] = []
  /** What a runtime that does not answer said last, so that the same is not logged again and again. */
  readonly #complaints = new Map<RuntimeKind, string>()
  #looks = 0
  #lookOf = new Map<TaskId, number>()
  #closed = false

  /**
   * `onReach`: a runtime answers that did not, or the other way round. `isActing`: whether a call is on its way that
   * ends with a look, so that a hint before its end needs none.
   */
  constructor(
    runtimes: readonly Runtime[],
    clock: Clock,
    log: Log,
    on: {
      readonly onChange: () => void
      readonly onReach: () => void
      readonly isActing: (containerId: string) => boolean
    },
  ) {
    this.#runtimes = new Map(runtimes.map((runtime) => [runtime.kind, runtime]))
    this.#clock = clock
    for (const { kind } of runtimes) this.#silent.set(kind, clock.now())
    this.#log = log
    this.#onChange = on.onChange
    this.#onReach = on.onReach
    this.#isActing = on.isActing
  }

  /** Follows the hints of all runtimes and takes a first full look. */
  async start(): Promise<void> {
    for (const runtime of this.#runtimes.values()) {
      this.#unwatch.push(
        runtime.watch((id) => {
          if (id === null) void this.lookAtAll(runtime.kind)
          else if (!this.#isActing(id)) void this.lookAt(runtime.kind, id)
        }),
      )
    }
    await Promise.all([...this.#runtimes.keys()].map((kind) => this.lookAtAll(kind)))
  }

  stop(): void {
    this.#closed = true
    for (const unwatch of this.#unwatch) unwatch()
  }

  runtime(kind: RuntimeKind): Runtime | null {
    return this.#runtimes.get(kind) ?? null
  }

  /**
   * Since when this runtime's containers are not known; null: they are. While they are not, nothing may be concluded
   * from their absence.
   */
  silentSince(kind: RuntimeKind): Millis | null {
    return this.#silent.get(kind) ?? null
  }

  of(task: TaskId): Container | null {
    return this.#byTask.get(task)?.container ?? null
  }

  all(): Iterable<{ readonly kind: RuntimeKind; readonly container: Container }> {
    return this.#byTask.values()
  }

  /** Looks at every container of a runtime. One that does not answer is unknown until it does. */
  async lookAtAll(kind: RuntimeKind): Promise<void> {
    const runtime = this.#runtimes.get(kind)
    if (runtime === undefined || this.#closed) return
    const look = ++this.#looks
    const found = await this.#try(kind, () => runtime.list())
    if (found === null || this.#closed) return
    if (this.#silent.delete(kind)) this.#onReach()
    this.#everListed.add(kind)
    this.#complaints.delete(kind)
    const seen = new Set(found.map((container) => container.taskId))
    for (const [task, entry] of this.#byTask) {
      if (entry.kind === kind && !seen.has(task) && (this.#lookOf.get(task) ?? 0) < look) this.#forget(task)
    }
    for (const container of found) this.#take(kind, container, look)
    this.#onChange()
  }

  /**
   * Looks at one container. Looks at the same one never overlap, so a later look is never overwritten by an earlier; the
   * promise resolves when a look that began after the call is done.
   */
  lookAt(kind: RuntimeKind, id: string): Promise<void> {
    const present = this.#looking.get(id)
    if (present !== undefined) {
      present.again = true
      return present.done
    }
    const look = { again: false, done: Promise.resolve() }
    this.#looking.set(id, look)
    look.done = this.#lookUntilDone(kind, id, look)
    return look.done
  }

  async #lookUntilDone(kind: RuntimeKind, id: string, state: { again: boolean }): Promise<void> {
    const runtime = this.#runtimes.get(kind)
    try {
      if (runtime === undefined) return
      do {
        state.again = false
        const look = ++this.#looks
        const seen = await this.#try(kind, async () => ({ container: await runtime.inspect(id) }))
        if (this.#closed) return
        if (seen?.container) this.#take(kind, seen.container, look)
        else if (seen !== null) this.#forgetId(id)
        this.#onChange()
      } while (state.again)
    } finally {
      // In the same turn as the last question whether to look again, or that of another would be lost.
      this.#looking.delete(id)
    }
  }

  #take(kind: RuntimeKind, container: Container, look: number): void {
    if ((this.#lookOf.get(container.taskId) ?? 0) > look) return
    this.#byTask.set(container.taskId, { kind, container })
    this.#lookOf.set(container.taskId, look)
  }

  #forgetId(id: string): void {
    for (const [task, { container }] of this.#byTask) if (container.id === id) this.#forget(task)
  }

  #forget(task: TaskId): void {
    this.#byTask.delete(task)
    this.#lookOf.delete(task)
  }

  async #try<T>(kind: RuntimeKind, look: () => Promise<T>): Promise<T | null> {
    try {
      return await look()
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error
      if (this.#complaints.get(kind) !== error.message) {
        // One that was never there is no news: the node's description says so. One that is gone is.
        const level = this.#everListed.has(kind) ? 'warn' : 'info'
        this.#log[level]('runtime does not answer', { runtime: kind, code: error.code, reason: error.message })
      }
      this.#complaints.set(kind, error.message)
      if (!this.#silent.has(kind)) {
        this.#silent.set(kind, this.#clock.now())
        this.#onReach()
      }
      return null
    }
  }
}
