import { type ErrorCode, OperationalError } from '../core/errors.ts'
import type { Failure, Task } from '../core/model/task.ts'
import { type OrderContext, orderFor } from '../core/node/order.ts'
import { afterHindrance, ended, type TaskRecord, withStatus } from '../core/node/record.ts'
import type { TaskAction } from '../core/node/step-task.ts'
import type { Clock } from '../ports/clock.ts'
import type { PullProgress, Runtime } from '../ports/runtime.ts'
import { runCommand } from './run-command.ts'

export interface CarryOutDeps {
  readonly clock: Clock
  readonly runtime: Runtime
  readonly context: OrderContext
  readonly onProgress: (task: Task, progress: PullProgress) => void
}

/** What became of an action. `record` carries what the task's record must take in; `repaired`: no restart is needed. */
export interface Outcome {
  readonly containerId: string | null
  readonly record: ((record: TaskRecord) => TaskRecord) | null
  readonly repaired: boolean
}

const DONE: Outcome = { containerId: null, record: null, repaired: false }

/** Repairs get as long as a health check that was not given a time. */
const REPAIR_TIMEOUT_MS = 60_000

/** Carries out one action on the task's runtime. Expected failures become part of the record; others are thrown. */
export async function carryOut(
  task: Task,
  action: TaskAction,
  deps: CarryOutDeps,
  signal: AbortSignal,
): Promise<Outcome> {
  try {
    switch (action.kind) {
      case 'create': {
        const order = orderFor(task, deps.context)
        const containerId = await deps.runtime.create(order, (progress) => deps.onProgress(task, progress), signal)
        return { ...DONE, containerId }
      }
      case 'start':
        await deps.runtime.start(action.containerId)
        return { ...DONE, containerId: action.containerId }
      case 'stop':
        return await stop(task, action, deps)
    }
  } catch (error) {
    if (signal.aborted) return DONE
    if (!(error instanceof OperationalError)) throw error
    return {
      ...DONE,
      containerId: 'containerId' in action ? action.containerId : null,
      record: afterFailure(action, error, deps.clock),
    }
  }
}

async function stop(task: Task, action: TaskAction & { kind: 'stop' }, deps: CarryOutDeps): Promise<Outcome> {
  const { containerId } = action
  if (action.repair && task.spec.repair !== null) {
    const result = await runCommand(deps.runtime, containerId, task.spec.repair, REPAIR_TIMEOUT_MS, deps.clock)
    if (result.ok) return { ...DONE, containerId, repaired: true }
  }
  const { stopSignal, stopGraceMs } = task.spec.container
  await deps.runtime.stop(containerId, { signal: stopSignal, graceMs: stopGraceMs })
  return { ...DONE, containerId }
}

/** Failures that say that this node, or any, cannot take the task as it is. The others may pass. */
const REJECTIONS: Partial<Record<ErrorCode, Failure>> = {
  IMAGE_UNAVAILABLE: 'image',
  PORT_IN_USE: 'port',
  RUNTIME_REFUSED: 'config',
  ALREADY_EXISTS: 'config',
  STORE_FULL: 'config',
}

function afterFailure(action: TaskAction, error: OperationalError, clock: Clock): (record: TaskRecord) => TaskRecord {
  const now = clock.now()
  const failure = REJECTIONS[error.code]
  return (record) => {
    const firstTime = record.status.startedAt === null && action.kind !== 'stop'
    if (firstTime && failure !== undefined) {
      const failures = record.status.failures + 1
      return ended(record, 'rejected', { failure, message: error.message, failures }, now)
    }
    if (firstTime && action.kind === 'start') {
      const message = `the runtime broke off while it was starting: ${error.message}`
      return afterHindrance(withStatus(record, { failure: 'runtime' }), message, now)
    }
    return afterHindrance(record, error.message, now)
  }
}
