import { OperationalError } from '../core/errors.ts'
import type { TaskId } from '../core/model/ids.ts'
import type { RuntimeKind } from '../core/model/service.ts'
import type { Log } from '../ports/log.ts'
import type { Container, Runtime } from '../ports/runtime.ts'

/**
 * What the runtimes of this node were last seen to hold. Hints make it look again; between a look and the next it may
 * be out of date, so every decision is followed by another look.
 */
export class Containers {
  readonly #runtimes: ReadonlyMap<RuntimeKind, Runtime>
  readonly #log: Log
  readonly #onChange: () => void
  readonly #byTask = new Map<TaskId, { readonly kind: RuntimeKind; readonly container: Container }>()
  readonly #looking = new Map<string, 'once' | 'again'>()
  readonly #listed = new Set<RuntimeKind>()
  readonly #unwatch: (() => void)[] = []
  /** What a runtime that does not answer said last, so that the same is not logged again and again. */
  readonly #complaints = new Map<RuntimeKind, string>()
  #looks = 0
  #lookOf = new Map<TaskId, number>()
  #closed = false

  constructor(runtimes: readonly Runtime[], log: Log, onChange: () => void) {
    this.#runtimes = new Map(runtimes.map((runtime) => [runtime.kind, runtime]))
    this.#log = log
    this.#onChange = onChange
  }

  /** Follows the hints of all runtimes and takes a first full look. */
  async start(): Promise<void> {
    for (const runtime of this.#runtimes.values()) {
      this.#unwatch.push(
        runtime.watch((id) => {
          void (id === null ? this.lookAtAll(runtime.kind) : this.lookAt(runtime.kind, id))
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

  /** Whether this runtime's containers are known at all; until then nothing may be concluded from their absence. */
  isKnown(kind: RuntimeKind): boolean {
    return this.#listed.has(kind)
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
    this.#listed.add(kind)
    this.#complaints.delete(kind)
    const seen = new Set(found.map((container) => container.taskId))
    for (const [task, entry] of this.#byTask) {
      if (entry.kind === kind && !seen.has(task) && (this.#lookOf.get(task) ?? 0) < look) this.#forget(task)
    }
    for (const container of found) this.#take(kind, container, look)
    this.#onChange()
  }

  /** Looks at one container. Looks at the same one never overlap, so a later look is never overwritten by an earlier. */
  async lookAt(kind: RuntimeKind, id: string): Promise<void> {
    const runtime = this.#runtimes.get(kind)
    if (runtime === undefined || this.#closed) return
    if (this.#looking.has(id)) {
      this.#looking.set(id, 'again')
      return
    }
    this.#looking.set(id, 'once')
    const look = ++this.#looks
    const seen = await this.#try(kind, async () => ({ container: await runtime.inspect(id) }))
    const again = this.#looking.get(id) === 'again'
    this.#looking.delete(id)
    if (this.#closed) return
    if (seen?.container) this.#take(kind, seen.container, look)
    else if (seen !== null) this.#forgetId(id)
    this.#onChange()
    if (again) await this.lookAt(kind, id)
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
        this.#log.warn('runtime does not answer', { runtime: kind, code: error.code, reason: error.message })
      }
      this.#complaints.set(kind, error.message)
      this.#listed.delete(kind)
      return null
    }
  }
}
