import type { Millis, TaskId } from '../model/ids.ts'
import { isAlive, isTerminal, type Task } from '../model/task.ts'

/** Agents ask so many times within a lease, so that one answer may be late or lost. */
const ROUNDS = 6
/** What a graceful end needs beside its grace. */
const STOP_SLACK_MS: Millis = 1_000
/** What the clocks of two machines, the watchdog's step and a kill may take together. */
const SLACK_MS: Millis = 5_000

/** Whether its task may run only as long as its lease lasts. */
export function isLeased({ spec }: Pick<Task, 'spec'>): boolean {
  return spec.leaseMs !== null
}

/** How often an agent asks for its leases to be renewed; null: it has none. */
export function renewEvery(tasks: Iterable<Task>): Millis | null {
  let shortest: Millis | null = null
  for (const { spec, desired, status } of tasks) {
    if (desired === 'stopped' || isTerminal(status.state)) continue
    if (spec.leaseMs !== null && (shortest === null || spec.leaseMs < shortest)) shortest = spec.leaseMs
  }
  return shortest === null ? null : Math.floor(shortest / ROUNDS)
}

/** For how long all of these leased tasks of a node certainly run on while nobody asks for their leases. */
export function runsWithout(leased: readonly Task[]): Millis {
  const shortest = Math.min(...leased.map((task) => stopsAt(task, task.spec.leaseMs ?? 0)))
  return Math.max(0, shortest - (renewEvery(leased) ?? 0))
}

/** When a task is asked to stop whose lease ends then, so that it has ended by itself before the watchdog kills it. */
export function stopsAt({ spec }: Task, until: Millis): Millis {
  const leadMs = Math.min(spec.container.stopGraceMs + STOP_SLACK_MS, (spec.leaseMs ?? 0) / 2)
  return until - leadMs
}

/** Tasks of a node whose leases a leader renews: those that it still wants there. */
export function renewable(tasks: Iterable<Task>, released: ReadonlySet<TaskId>): TaskId[] {
  return [...tasks]
    .filter((task) => isLeased(task) && isAlive(task) && task.desired !== 'stopped' && !released.has(task.id))
    .map(({ id }) => id)
}

/** From when on a task certainly does not run any more whose node's leases were renewed last then. */
export function endedBy({ spec }: Task, renewedAt: Millis): Millis | null {
  // Clocks may differ by a hundredth in speed, which none does.
  return spec.leaseMs === null ? null : renewedAt + Math.ceil(spec.leaseMs * 1.01) + SLACK_MS
}
