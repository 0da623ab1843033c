import type { Millis, TaskId } from '../model/ids.ts'
import { isTerminal, type Task, type TaskStatus } from '../model/task.ts'

/**
 * What an agent keeps of a task beyond its status. Durable, so that a restart of the agent neither forgets failures nor
 * counts one twice.
 */
export interface TaskRecord {
  readonly taskId: TaskId
  readonly status: TaskStatus
  /** Restarts in place of the last ten minutes. */
  readonly restartedAt: readonly Millis[]
  /** Start of the run whose end was counted last; a run is known by when it started. null: none was. */
  readonly countedRun: Millis | null
  /** When the last failure happened, from which the pause is measured. */
  readonly failedAt: Millis | null
  /** The agent itself stopped it to go down in an orderly way; it starts again with the agent, and nothing is counted. */
  readonly parked: boolean
  /**
   * Whether it was ready once. `interrupted`: not yet, and its runtime or the agent went away meanwhile, which may have
   * left its container half made.
   */
  readonly proof: 'none' | 'interrupted' | 'ready'
}

/** The record of a task that this agent has not touched: what the server knows of it is where it goes on. */
export function newRecord(task: Task): TaskRecord {
  return {
    taskId: task.id,
    status: task.status,
    restartedAt: [],
    countedRun: null,
    failedAt: null,
    parked: false,
    proof: 'none',
  }
}

/** Takes in that the runtime, or the agent, was gone for a while. */
export function afterInterruption(record: TaskRecord): TaskRecord {
  return record.proof !== 'none' || record.status.containerId === null ? record : { ...record, proof: 'interrupted' }
}

/** Takes in that the runtime has not answered for long: how the task is can no longer be told. */
export function afterSilence(record: TaskRecord): TaskRecord {
  const next = afterInterruption(record)
  if (isTerminal(record.status.state) || !record.status.ready) return next
  return withStatus(next, { ready: false, message: 'its runtime does not answer, so nobody knows how it is' })
}

/** The record with parts of its status changed; the same object when nothing differs, so that identity tells news. */
export function withStatus(record: TaskRecord, change: Partial<TaskStatus>): TaskRecord {
  const fields = Object.keys(change) as (keyof TaskStatus)[]
  const differs = fields.some((field) => record.status[field] !== change[field])
  return differs ? { ...record, status: { ...record.status, ...change } } : record
}

/** Ends the task. `now` is when it was seen, which for a container's own end is close enough. */
export function ended(
  record: TaskRecord,
  state: 'completed' | 'failed' | 'stopped' | 'rejected',
  change: Partial<TaskStatus>,
  now: Millis,
): TaskRecord {
  if (isTerminal(record.status.state)) return record
  return withStatus(record, { ready: false, finishedAt: now, ...change, state })
}

/** Takes in that a start, create or stop was refused for a reason that may pass: it is tried again after a pause. */
export function afterHindrance(record: TaskRecord, message: string, now: Millis): TaskRecord {
  return { ...withStatus(record, { message, failures: record.status.failures + 1 }), failedAt: now }
}
