import type { Millis, NodeId, ServiceName, Slot, TaskId } from './ids.ts'
import type { Protocol, ServiceSpec } from './service.ts'

/**
 * States of a task. They only grow: of two observations the later state is the true one, in whatever order they arrive.
 *
 * - pending: wanted, no node yet; `refusal` says why.
 * - assigned: a node is chosen, its agent has not acted yet.
 * - preparing: the agent pulls the image and creates the container. It stays here while `desired` is `prepared`.
 * - starting: the container is being started for the first time.
 * - running: it has started. A restart in place keeps the task here, with `ready: false` and a growing restart count.
 * - completed: ended by itself with success. failed: ended, and its restarts in place are used up or not allowed.
 *   stopped: ended because control wanted it. rejected: the node could not take it. lost: its node is gone.
 */
export const TASK_STATES = [
  'pending',
  'assigned',
  'preparing',
  'starting',
  'running',
  'completed',
  'failed',
  'stopped',
  'rejected',
  'lost',
] as const
export type TaskState = (typeof TASK_STATES)[number]

const TERMINAL: ReadonlySet<TaskState> = new Set(TASK_STATES.slice(TASK_STATES.indexOf('completed')))

/** Whether a task in this state has ended for good. */
export function isTerminal(state: TaskState): boolean {
  return TERMINAL.has(state)
}

export type Writer = 'control' | 'agent'

/**
 * Judges a reported state: control writes up to `assigned`, any end before `assigned`, and `lost`; the agent the rest.
 * Late and duplicate reports are normal, so they are answers, not errors.
 */
export function judge(from: TaskState, to: TaskState, by: Writer): 'advance' | 'same' | 'stale' | 'forbidden' {
  const control = to === 'pending' || to === 'assigned' || to === 'lost' || (isTerminal(to) && from === 'pending')
  if (control !== (by === 'control')) return 'forbidden'
  if (from === to) return 'same'
  if (isTerminal(from)) return 'stale'
  return TASK_STATES.indexOf(to) > TASK_STATES.indexOf(from) ? 'advance' : 'stale'
}

export const FAILURES = ['exit', 'unhealthy', 'out-of-memory', 'image', 'port', 'config', 'runtime'] as const
/**
 * What ended or hinders a task, for programs; `message` is for people. `image` and `config` will not mend by
 * themselves, the others may.
 */
export type Failure = (typeof FAILURES)[number]

/** What the agent saw. Written by the agent once the task is assigned. */
export interface TaskStatus {
  readonly state: TaskState
  /** Image and container are there; nothing has started yet. */
  readonly prepared: boolean
  /** It serves: running, and healthy if it has a health check. */
  readonly ready: boolean
  /** Restarts in place of this task so far. */
  readonly restarts: number
  /** Failures in a row of this task and of its predecessors in the slot; back to 0 after ten healthy minutes. */
  readonly failures: number
  readonly exitCode: number | null
  readonly failure: Failure | null
  /** One sentence for people; empty when there is nothing to say. */
  readonly message: string
  /** The runtime's own id of the container; null before it exists. */
  readonly containerId: string | null
  /** Where the node reaches it; null when it has no address of its own. */
  readonly address: string | null
  readonly startedAt: Millis | null
  readonly readyAt: Millis | null
  readonly finishedAt: Millis | null
}

export interface PortBinding {
  readonly container: number
  readonly host: number
  readonly protocol: Protocol
}

/**
 * One attempt to run one replica in one slot of a service on one node. A replacement is a new task in the same slot
 * with the next attempt.
 */
export interface Task {
  readonly id: TaskId
  readonly service: ServiceName
  readonly slot: Slot
  readonly attempt: number
  /** What this attempt was made from; stays as it is when the service's spec moves on. */
  readonly spec: ServiceSpec
  /** Hash of the part of the spec whose change needs a new container. */
  readonly specHash: string
  readonly node: NodeId | null
  /** The placement of its node when it got there: its container is made for that. */
  readonly placement: string | null
  /** The host port of each published port; given once by the scheduler and kept through restarts in place. */
  readonly hostPorts: readonly PortBinding[]
  /**
   * What control wants. `prepared`: image and container, but not started, because a dependency or the predecessor in
   * the slot is in the way. Written by control only.
   */
  readonly desired: 'prepared' | 'running' | 'stopped'
  readonly because: string
  /** Why it is still pending; null when it is not. */
  readonly refusal: string | null
  /** A user stopped this very task (`task stop`), so a policy of `unless-stopped` leaves its slot alone. */
  readonly stoppedByUser: boolean
  /** Of a lost task: its node has come back and nothing of it runs there, or its machine was sent away. Until then its record is kept. */
  readonly gone: boolean
  readonly createdAt: Millis
  /** When its leader heard of its end, by the leader's clock: that of its node may be wrong. Absent until then. */
  readonly endedAt?: Millis | undefined
  readonly status: TaskStatus
}

/** When a task ended, as far as times of other machines can be told from it; 0: it has not. */
export function endOf({ endedAt, status }: Task): Millis {
  return endedAt ?? status.finishedAt ?? 0
}

/** The status of a task that nobody has touched yet. */
export const NEW_STATUS: TaskStatus = {
  state: 'pending',
  prepared: false,
  ready: false,
  restarts: 0,
  failures: 0,
  exitCode: null,
  failure: null,
  message: '',
  containerId: null,
  address: null,
  startedAt: null,
  readyAt: null,
  finishedAt: null,
}

/** Whether control still wants it and it has not ended. */
export function isWanted(task: Task): boolean {
  return task.desired !== 'stopped' && !isTerminal(task.status.state)
}

/** Whether it has not ended: it may hold a container, ports and resources. */
export function isAlive(task: Task): boolean {
  return !isTerminal(task.status.state)
}

/** The one with the highest attempt; null: there is none. */
export function newestOf(tasks: readonly Task[]): Task | null {
  return tasks.reduce<Task | null>(
    (newest, task) => (newest === null || task.attempt > newest.attempt ? task : newest),
    null,
  )
}
