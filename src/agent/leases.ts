import { OperationalError } from '../core/errors.ts'
import type { Millis, TaskId } from '../core/model/ids.ts'
import type { Renewed } from '../core/model/message.ts'
import { runtimeOf } from '../core/model/service.ts'
import type { Task } from '../core/model/task.ts'
import { isLeased, renewEvery, stopsAt } from '../core/node/lease.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Container } from '../ports/runtime.ts'
import type { Deadline, Watchdog } from '../ports/watchdog.ts'

export interface LeasesDeps {
  readonly clock: Clock
  readonly log: Log
  readonly watchdog: Watchdog
  readonly tasks: () => ReadonlyMap<TaskId, Task>
  readonly containerOf: (task: TaskId) => Container | null
  /** Asks the leader; without a connection nothing is asked. */
  readonly ask: (round: number) => void
  /** Something may run now, or must not any more. */
  readonly onChange: () => void
}

/** Rounds that may still be answered; an answer to an older one would be over before it helped. */
const KEPT_ROUNDS = 10

/**
 * The leases of this node's tasks. A leased task runs only while a leader has said, after it was asked, that it still led; the
 * time counts from the asking. The watchdog knows of each deadline before the task may run towards it.
 */
export class Leases {
  readonly #deps: LeasesDeps
  /** By container, as the watchdog has them. */
  readonly #armed = new Map<string, Millis>()
  readonly #until = new Map<TaskId, Millis>()
  readonly #asked = new Map<number, Millis>()
  #round = 0
  #everyMs: Millis | null = null
  #cancel: (() => void) | null = null
  #arming = false
  #armAgain = false
  #stopped = false

  constructor(deps: LeasesDeps) {
    this.#deps = deps
  }

  /** Goes on from what an earlier agent told the watchdog. */
  async restore(): Promise<void> {
    for (const [id, at] of await this.#deps.watchdog.armed()) this.#armed.set(id, at)
  }

  /** The tasks have changed, or a server has been found: asks at once if there is something to ask for. */
  follow(): void {
    this.#cancel?.()
    this.#cancel = null
    this.#everyMs = renewEvery(this.#deps.tasks().values())
    for (const id of this.#until.keys()) if (!this.#deps.tasks().has(id)) this.#until.delete(id)
    if (this.#everyMs !== null) this.#ask()
  }

  stop(): void {
    this.#stopped = true
    this.#cancel?.()
  }

  /** Until when of the clock a task may run; null: for as long as it is wanted. Without a lease: never. */
  runsUntil(task: Task): Millis | null {
    if (!isLeased(task)) return null
    const { clock, watchdog, containerOf } = this.#deps
    const container = containerOf(task.id)
    const armed = container === null ? undefined : this.#armed.get(container.id)
    if (armed === undefined) {
      if (container !== null) void this.#arm()
      return Number.NEGATIVE_INFINITY
    }
    return clock.now() + stopsAt(task, armed) - watchdog.uptime()
  }

  take({ round, tasks }: Renewed): void {
    const askedAt = this.#asked.get(round)
    if (askedAt === undefined) return
    this.#asked.delete(round)
    for (const id of tasks) {
      const leaseMs = this.#deps.tasks().get(id)?.spec.leaseMs ?? null
      if (leaseMs !== null) this.#until.set(id, Math.max(this.#until.get(id) ?? 0, askedAt + leaseMs))
    }
    void this.#arm()
  }

  #ask(): void {
    const { clock, watchdog, ask } = this.#deps
    if (this.#stopped || this.#everyMs === null) return
    this.#round += 1
    this.#asked.set(this.#round, watchdog.uptime())
    this.#asked.delete(this.#round - KEPT_ROUNDS)
    ask(this.#round)
    this.#cancel = clock.callAt(clock.now() + this.#everyMs, () => this.#ask())
  }

  /** Tells the watchdog every deadline that has moved; one telling at a time. */
  async #arm(): Promise<void> {
    this.#armAgain = true
    if (this.#arming) return
    this.#arming = true
    try {
      while (this.#armAgain && !this.#stopped) {
        this.#armAgain = false
        const moved = this.#moved()
        if (moved.length === 0) break
        await this.#deps.watchdog.arm(moved)
        for (const { containerId, at } of moved) this.#armed.set(containerId, at)
        this.#deps.onChange()
      }
    } catch (error) {
      // The next renewal tries again; until then the deadlines that it knows hold.
      if (!(error instanceof OperationalError)) throw error
      this.#deps.log.error('cannot prolong leases', { reason: error.message })
    } finally {
      this.#arming = false
    }
  }

  #moved(): readonly Deadline[] {
    return [...this.#until].flatMap(([id, at]) => {
      const task = this.#deps.tasks().get(id)
      const container = this.#deps.containerOf(id)
      if (task === undefined || container === null || (this.#armed.get(container.id) ?? 0) >= at) return []
      return [{ kind: runtimeOf(task.spec), containerId: container.id, at }]
    })
  }
}
