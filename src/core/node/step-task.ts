import { retryDelayMs } from '../../lib/backoff.ts'
import { earlier } from '../../lib/collections.ts'
import { liesAhead } from '../lies-ahead.ts'
import type { Millis } from '../model/ids.ts'
import { isTerminal, TASK_STATES, type Task } from '../model/task.ts'
import type { HealthState } from './health.ts'
import { afterHindrance, ended, type TaskRecord, withStatus } from './record.ts'

/** A container as far as decisions need to know it; see ports/runtime. */
export interface SeenContainer {
  readonly id: string
  readonly state: 'created' | 'running' | 'exited'
  readonly exitCode: number | null
  readonly outOfMemory: boolean
  readonly message: string
  readonly address: string | null
  readonly startedAt: Millis | null
  readonly finishedAt: Millis | null
}

export type TaskAction =
  | { readonly kind: 'create' }
  | { readonly kind: 'start'; readonly containerId: string; readonly because: string }
  /** With `repair` the service's repair is tried first; if that works, nothing is stopped. */
  | { readonly kind: 'stop'; readonly containerId: string; readonly because: string; readonly repair: boolean }

export interface TaskStep {
  readonly record: TaskRecord
  readonly action: TaskAction | null
  readonly wakeAt: Millis | null
}

/** More restarts in place than this within the window end the task: another attempt, elsewhere if it can, may do better. */
const RESTARTS_IN_PLACE = 5
/** A job that fails so often will not come to its end. */
const RESTARTS_OF_A_JOB = 3
const RESTART_WINDOW_MS: Millis = 600_000
/** A task without a health check counts as ready when it has run so long: one that crashes at once never serves. */
const SETTLE_MS: Millis = 1_000
/** So long without trouble, and earlier failures are forgotten. */
const HEALTHY_AGAIN_MS: Millis = 600_000

/**
 * Decides the next step of one task on its node, and what is to be reported of it. The container is the one seen for
 * this task, null when the runtime has none; health is what probes have shown of the present run, null when there is no
 * check or no probe yet. `runsUntil`: when it must have been asked to stop unless its lease is renewed; null: it has none.
 */
export function stepTask(
  task: Task,
  record: TaskRecord,
  container: SeenContainer | null,
  health: HealthState | null,
  now: Millis,
  runsUntil: Millis | null = null,
): TaskStep {
  if (isTerminal(record.status.state)) return endedStep(record, container, now)
  if (task.desired === 'stopped') return stopStep(record, container, now)
  if (container === null) return missingStep(record, now)
  const known = withStatus(record, { containerId: container.id, prepared: true })
  if (record.status.failure === 'runtime' && record.proof !== 'ready') return brokenStep(known, container, now)
  if (runsUntil !== null && runsUntil <= now) return unleasedStep(known, container, runsUntil, now)
  const step = preparedStep(task, known, container, health, now)
  return { ...step, wakeAt: earlier(step.wakeAt, runsUntil) }
}

function preparedStep(
  task: Task,
  known: TaskRecord,
  container: SeenContainer,
  health: HealthState | null,
  now: Millis,
): TaskStep {
  switch (container.state) {
    case 'created':
      return createdStep(task, known, container, now)
    case 'running':
      return runningStep(task, known, container, health, now)
    case 'exited':
      return exitedStep(task, known, container, now)
  }
}

/** Without a lease nothing runs: it goes on, as if it had never ended, when the leader has renewed it. */
function unleasedStep(record: TaskRecord, container: SeenContainer, runsUntil: Millis, now: Millis): TaskStep {
  const message = 'it waits for the leader to renew its lease'
  if (container.state === 'created') return still(withStatus(forward(record, 'preparing'), { message }))
  const unready = withStatus(record, { ready: false, message })
  // One that ended by itself, before its lease did, has failed like any other, and makes the pause after that.
  const endedItself = !record.parked && container.finishedAt !== null && container.finishedAt < runsUntil
  if (container.state === 'exited' && endedItself) return still(countExit(record, container, now))
  const waiting = record.parked && unready === record ? record : { ...unready, parked: true }
  if (container.state === 'exited') return still(waiting)
  const because = 'no leader has renewed its lease'
  return { record: waiting, action: { kind: 'stop', containerId: container.id, because, repair: false }, wakeAt: null }
}

const still = (record: TaskRecord, wakeAt: Millis | null = null): TaskStep => ({ record, action: null, wakeAt })

/** A task that must not begin beside what the state does not know: nothing is done for it until that is gone. `message`: why. */
export function heldStep(record: TaskRecord, message: string): TaskStep {
  if (isTerminal(record.status.state)) return still(record)
  return still(record.status.message === message ? record : withStatus(record, { ready: false, message }))
}

/** A task that ended must not run: a lost one that turns up again is stopped, never resumed. */
function endedStep(record: TaskRecord, container: SeenContainer | null, now: Millis): TaskStep {
  if (container?.state !== 'running') {
    // Its leader waits for the word that it runs no more.
    if (record.status.state !== 'lost') return still(record)
    return still(withStatus(record, { state: 'stopped', ready: false, finishedAt: now, message: '' }))
  }
  return {
    record,
    action: { kind: 'stop', containerId: container.id, because: `it is ${record.status.state}`, repair: false },
    wakeAt: null,
  }
}

function stopStep(record: TaskRecord, container: SeenContainer | null, now: Millis): TaskStep {
  if (container?.state === 'running') {
    const stopping = withStatus(record, { ready: false, message: 'stopping' })
    return {
      record: stopping,
      action: { kind: 'stop', containerId: container.id, because: 'it is not wanted', repair: false },
      wakeAt: null,
    }
  }
  return still(ended(record, 'stopped', { exitCode: container?.exitCode ?? null, message: '' }, now))
}

function missingStep(record: TaskRecord, now: Millis): TaskStep {
  if (record.status.prepared) {
    const failures = record.status.failures + 1
    const message = 'its container was removed by somebody else'
    return still(ended(record, 'failed', { failure: 'runtime', message, failures }, now))
  }
  const retryAt = afterPause(record, record.status.failures + 1, now)
  if (retryAt > now) return still(record, retryAt)
  return { record: forward(record, 'preparing'), action: { kind: 'create' }, wakeAt: null }
}

/** When the pause after that many failures is over; `now` without one. */
function afterPause({ failedAt }: TaskRecord, failures: number, now: Millis): Millis {
  return failedAt === null || liesAhead(failedAt, now) ? now : failedAt + retryDelayMs(failures)
}

/** A state never goes back: what was seen running stays so, whatever the runtime makes of its container. */
function forward(record: TaskRecord, state: 'preparing' | 'starting'): TaskRecord {
  return TASK_STATES.indexOf(state) > TASK_STATES.indexOf(record.status.state) ? withStatus(record, { state }) : record
}

/**
 * An engine that dies around a first start leaves a container that may never be reachable; a new one costs less. But the
 * start may have worked, and until that has ended the slot is not free.
 */
function brokenStep(record: TaskRecord, container: SeenContainer, now: Millis): TaskStep {
  if (container.state !== 'running') return still(ended(record, 'failed', {}, now))
  const action = { kind: 'stop', containerId: container.id, because: record.status.message, repair: false } as const
  return { record, action, wakeAt: null }
}

function createdStep(task: Task, record: TaskRecord, container: SeenContainer, now: Millis): TaskStep {
  if (task.desired === 'prepared') return still(forward(record, 'preparing'))
  const retryAt = afterPause(record, record.status.failures + 1, now)
  if (retryAt > now) return still(record, retryAt)
  const starting = forward(record, 'starting')
  return {
    record: starting,
    action: { kind: 'start', containerId: container.id, because: 'it is wanted' },
    wakeAt: null,
  }
}

function runningStep(
  task: Task,
  record: TaskRecord,
  container: SeenContainer,
  health: HealthState | null,
  now: Millis,
): TaskStep {
  const startedAt = container.startedAt ?? record.status.startedAt ?? now
  const present = health !== null && health.startedAt === startedAt ? health : null
  if (present?.verdict === 'unhealthy' && task.spec.restart !== 'no') {
    return unhealthyStep(task, record, container, present, startedAt, now)
  }
  // Of a start that lies ahead it is not known how long ago it was, so it counts from when it was first seen.
  const isSeen = record.status.startedAt === startedAt
  const settledAt = (liesAhead(startedAt, now) ? now - (isSeen ? SETTLE_MS : 0) : startedAt) + SETTLE_MS
  const ready = task.spec.health === null ? now >= settledAt : present?.verdict === 'healthy'
  const becameReady = ready && !record.status.ready
  const readyAt = becameReady ? now : ready ? record.status.readyAt : null
  const forgiven = ready && readyAt !== null && now - readyAt >= HEALTHY_AGAIN_MS && record.status.failures > 0
  const awake = record.parked ? { ...record, parked: false } : record
  const next = withStatus(ready && record.proof !== 'ready' ? { ...awake, proof: 'ready' } : awake, {
    state: 'running',
    ready,
    readyAt,
    startedAt,
    address: container.address,
    exitCode: null,
    failure: null,
    failures: forgiven ? 0 : record.status.failures,
    message: ready ? '' : waitingFor(task, present),
  })
  if (!ready) return still(next, task.spec.health === null ? settledAt : null)
  return still(next, readyAt !== null && next.status.failures > 0 ? readyAt + HEALTHY_AGAIN_MS : null)
}

function waitingFor(task: Task, health: HealthState | null): string {
  if (task.spec.health === null) return 'starting'
  return health === null || health.message === '' ? 'waits for its health check' : `not healthy: ${health.message}`
}

function unhealthyStep(
  task: Task,
  record: TaskRecord,
  container: SeenContainer,
  health: HealthState,
  run: Millis,
  now: Millis,
): TaskStep {
  const message = `unhealthy: ${health.message}`
  if (record.proof === 'interrupted') {
    const why = `its runtime broke off before it was ready, and now it is ${message}`
    return brokenStep(
      withStatus(afterHindrance(record, why, now), { ready: false, failure: 'runtime' }),
      container,
      now,
    )
  }
  const isNew = record.countedRun !== run
  const failures = record.status.failures + (isNew ? 1 : 0)
  // Also of a run that a repair seemed to have mended: its end by our signal is no success.
  const unhealthy = withStatus(record, { ready: false, failure: 'unhealthy', message, failures })
  const counted = isNew ? { ...unhealthy, countedRun: run, failedAt: now } : unhealthy
  return {
    record: counted,
    action: {
      kind: 'stop',
      containerId: container.id,
      because: message,
      repair: task.spec.repair !== null && !health.repaired,
    },
    wakeAt: null,
  }
}

function exitedStep(task: Task, record: TaskRecord, container: SeenContainer, now: Millis): TaskStep {
  if (record.parked) return restart(record, container, 'the agent is back', false)
  const counted = countExit(record, container, now)
  const { restart: policy } = task.spec
  const success = container.exitCode === 0 && counted.status.failure !== 'unhealthy'
  if (success && policy !== 'always' && policy !== 'unless-stopped') {
    return still(ended(counted, 'completed', { failure: null, message: '', failures: record.status.failures }, now))
  }
  if (policy === 'no') return still(ended(counted, 'failed', {}, now))

  const recent = counted.restartedAt.filter((at) => now - at < RESTART_WINDOW_MS && !liesAhead(at, now))
  const allowed = task.spec.mode === 'job' ? RESTARTS_OF_A_JOB : RESTARTS_IN_PLACE
  if (recent.length >= allowed) {
    const message = `${counted.status.message}, after ${allowed} restarts in ten minutes`
    return still(ended(counted, 'failed', { message }, now))
  }
  const startAt = afterPause(counted, counted.status.failures, now)
  if (startAt > now) return still(counted, startAt)
  return restart({ ...counted, restartedAt: [...recent, now] }, container, counted.status.message, true)
}

function restart(record: TaskRecord, container: SeenContainer, because: string, counts: boolean): TaskStep {
  const restarts = record.status.restarts + (counts ? 1 : 0)
  return {
    record: withStatus(record, { restarts }),
    action: { kind: 'start', containerId: container.id, because },
    wakeAt: null,
  }
}

/** Takes the end of a run in, once. */
function countExit(record: TaskRecord, container: SeenContainer, now: Millis): TaskRecord {
  const run = container.startedAt ?? record.status.startedAt ?? 0
  if (record.countedRun === run) return withStatus(record, { ready: false, exitCode: container.exitCode })
  const { exitCode } = container
  const why = container.outOfMemory ? 'out of memory' : exitCode === null ? 'it ended' : `exit code ${exitCode}`
  const message = container.message === '' ? why : `${why}: ${container.message}`
  const next = withStatus(record, {
    state: 'running',
    startedAt: container.startedAt ?? record.status.startedAt,
    ready: false,
    exitCode,
    message,
    failure: container.outOfMemory ? 'out-of-memory' : 'exit',
    failures: record.status.failures + 1,
  })
  return { ...next, countedRun: run, failedAt: now }
}
