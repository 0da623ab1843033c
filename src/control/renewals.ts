import { OperationalError } from '../core/errors.ts'
import type { Millis, NodeId, TaskId } from '../core/model/ids.ts'
import type { Task } from '../core/model/task.ts'
import { endedBy, renewable } from '../core/node/lease.ts'
import type { AgentConnection } from '../ports/link.ts'
import type { PassDeps } from './pass.ts'

interface Asked {
  readonly node: NodeId
  readonly round: number
  readonly connection: AgentConnection
}

/**
 * Renews the leases of nodes, and knows when one has run out. Before it renews, the leader proves to itself that it still
 * leads: with a commit that writes nothing, after it was asked. Whoever leads next begins to count after that.
 */
export class Renewals {
  readonly #deps: PassDeps
  readonly #since: Millis
  readonly #renewedAt = new Map<NodeId, Millis>()
  /** Tasks that are given up, or are about to be: nothing of them is renewed any more. */
  readonly #released = new Set<TaskId>()
  #waiting: Asked[] = []
  #proving = false

  constructor(deps: PassDeps) {
    this.#deps = deps
    this.#since = deps.clock.now()
  }

  /** An agent asks. Answered when the lead is proved; not at all when it cannot be. */
  ask(asked: Asked): void {
    this.#waiting.push(asked)
    if (!this.#proving) void this.#prove()
  }

  /** From when on it is certain that a leased task of a silent node has ended; null: it has no lease. */
  endOf(task: Task): Millis | null {
    const renewedAt = task.node === null ? undefined : this.#renewedAt.get(task.node)
    return endedBy(task, renewedAt ?? this.#since)
  }

  /** Says that a task is to be given up. */
  release(task: TaskId): void {
    this.#released.add(task)
  }

  isReleased(task: TaskId): boolean {
    return this.#released.has(task)
  }

  async #prove(): Promise<void> {
    this.#proving = true
    while (this.#waiting.length > 0) {
      const asked = this.#waiting
      this.#waiting = []
      if (await this.#stillLeads()) for (const one of asked) this.#renew(one)
    }
    this.#proving = false
  }

  async #stillLeads(): Promise<boolean> {
    const { store, epoch } = this.#deps
    try {
      return (await store.commit({ epoch, expect: [], writes: [], events: [] })).kind === 'committed'
    } catch (error) {
      if (error instanceof OperationalError) return false
      throw error
    }
  }

  #renew({ node, round, connection }: Asked): void {
    const { clock, world } = this.#deps
    const tasks = renewable(
      world.mirror.tasksOn(node).map(({ value }) => value),
      this.#released,
    )
    this.#renewedAt.set(node, clock.now())
    connection.send({ kind: 'renewed', round, tasks })
  }
}
