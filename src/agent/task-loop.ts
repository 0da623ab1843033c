import { OperationalError } from '../core/errors.ts'
import { type Millis, slotOf, type TaskId } from '../core/model/ids.ts'
import { RUNTIME_KINDS, runtimeOf } from '../core/model/service.ts'
import { isTerminal, type Task } from '../core/model/task.ts'
import type { OrderContext } from '../core/node/order.ts'
import { afterInterruption, afterSilence, newRecord, type TaskRecord, withStatus } from '../core/node/record.ts'
import { heldStep, stepTask, type TaskAction } from '../core/node/step-task.ts'
import { guardRemovals, keepUnknown } from '../core/plan/guard.ts'
import { compareText, earlier } from '../lib/collections.ts'
import type { Clock } from '../ports/clock.ts'
import type { Host } from '../ports/host.ts'
import type { Log } from '../ports/log.ts'
import type { Container, Runtime } from '../ports/runtime.ts'
import { carryOut, type Outcome } from './carry-out.ts'
import type { Containers } from './containers.ts'
import { Probes } from './probes.ts'

export interface TaskLoopDeps {
  readonly clock: Clock
  readonly log: Log
  readonly host: Host
  readonly containers: Containers
  readonly context: () => OrderContext
  /** Until when a task may run; null: for as long as it is wanted. */
  readonly runsUntil: (task: Task) => Millis | null
  /** Called whenever a record has changed. */
  readonly onRecords: () => void
  /** Called after each look that finds nothing running which the settled state does not know. */
  readonly onSettled: () => void
}

/**
 * Engine calls at once. Engines serialise most of a start, so more only lengthens each call; fewer leave a core idle
 * between the parts that do overlap.
 */
const CALLS_AT_ONCE = 8
/** So long a runtime may be away before what it runs counts as not ready: nobody knows any more. */
const DOUBT_AFTER_MS: Millis = 10_000
/** A refused call is not repeated sooner, whatever changes meanwhile. */
const CALL_PAUSE_MS: Millis = 500

/** How what runs here stands to what the state knows. */
export interface Standing {
  /** A user sent this machine away: that nothing runs here was asked for. */
  readonly dismissed: boolean
  /** The state may be older than what runs: it is kept. */
  readonly keepsUnknown: boolean
  /** A user settled such a state: that what it does not know ends was asked for. */
  readonly settles: boolean
  /** It may still run elsewhere: what must never run twice does not begin here. */
  readonly unsettled: boolean
}

/** An engine call that is on its way. */
interface Call {
  readonly controller: AbortController
  readonly heavy: boolean
  /** What it acts on; null: made by the call. */
  readonly containerId: string | null
  /** Until the engine has answered. Then comes a look at what became of it. */
  acting: boolean
  done: Promise<void>
}

/**
 * Brings the containers of this node to what its tasks ask for: look, decide, act, look again. One pass over all tasks
 * after every change, and never two calls for one task at once.
 */
export class TaskLoop {
  readonly #deps: TaskLoopDeps
  readonly #probes: Probes
  #tasks: ReadonlyMap<TaskId, Task> = new Map()
  readonly #records = new Map<TaskId, TaskRecord>()
  readonly #calls = new Map<TaskId, Call>()
  readonly #notBefore = new Map<TaskId, Millis>()
  /** Whether a server confirmed the assignment: only then is a container without a task one too many. */
  #confirmed = false
  #standing: Standing = { dismissed: false, keepsUnknown: false, settles: false, unsettled: false }
  /** Tasks that have been seen running here since they were assigned. */
  readonly #ran = new Set<TaskId>()
  #blocked = ''
  #parked = false
  #stopped = false
  #scheduled = false
  #cancelWake: (() => void) | null = null

  constructor(deps: TaskLoopDeps) {
    this.#deps = deps
    const { clock, host, containers } = deps
    this.#probes = new Probes({ clock, host, containers, onChange: () => this.wake() })
  }

  get records(): ReadonlyMap<TaskId, TaskRecord> {
    return this.#records
  }

  get tasks(): ReadonlyMap<TaskId, Task> {
    return this.#tasks
  }

  /** Why containers are left alone that no task asks for; empty when none are. */
  get blocked(): string {
    return this.#blocked
  }

  /** Goes on from what an earlier agent left. */
  restore(tasks: readonly Task[], records: ReadonlyMap<TaskId, TaskRecord>): void {
    this.#tasks = new Map(tasks.map((task) => [task.id, task]))
    for (const [id, record] of records) this.#records.set(id, afterInterruption(record))
  }

  /** Takes the tasks that a server with sufficient authority asks for. */
  assign(tasks: readonly Task[], standing: Standing): void {
    this.#confirmed = true
    this.#standing = standing
    this.#tasks = new Map(tasks.map((task) => [task.id, task]))
    for (const id of this.#ran) if (!this.#tasks.has(id)) this.#ran.delete(id)
    for (const [id, call] of this.#calls) {
      const task = this.#tasks.get(id)
      // A pull may take minutes; nobody waits for it any more.
      if (task === undefined || task.desired === 'stopped') call.controller.abort()
    }
    this.wake()
  }

  /** Asks for a pass soon; many asks make one pass. */
  wake(): void {
    if (this.#scheduled || this.#stopped) return
    this.#scheduled = true
    this.#deps.clock.callAt(this.#deps.clock.now(), () => {
      this.#scheduled = false
      if (!this.#stopped && !this.#parked) this.#pass()
    })
  }

  /** Whether the engine is at work on this container; a look follows. */
  isActing(containerId: string): boolean {
    for (const call of this.#calls.values()) if (call.acting && call.containerId === containerId) return true
    return false
  }

  /**
   * Stops every running task with its grace, so that the next agent starts them again as if nothing had happened.
   * Resolves with those that could not be stopped.
   */
  async park(): Promise<readonly TaskId[]> {
    this.#parked = true
    this.#probes.stop()
    for (const call of this.#calls.values()) call.controller.abort()
    await Promise.all([...this.#calls.values()].map(({ done }) => done))
    const { containers } = this.#deps
    const running = [...containers.all()].filter(({ container }) => container.state === 'running')
    const silent = [...this.#tasks.values()].filter(
      ({ id, spec }) =>
        containers.silentSince(runtimeOf(spec)) !== null && this.#records.get(id)?.status.state === 'running',
    )
    const left = new Set(silent.map(({ id }) => id))
    await Promise.all(
      running.map(async ({ kind, container }) => {
        const record = this.#records.get(container.taskId)
        const task = this.#tasks.get(container.taskId)
        const runtime = this.#deps.containers.runtime(kind)
        if (record === undefined || task === undefined || runtime === null) return
        this.#records.set(record.taskId, {
          ...withStatus(record, { ready: false, message: 'its node is going down' }),
          parked: true,
        })
        this.#deps.onRecords()
        const { stopSignal, stopGraceMs } = task.spec.container
        try {
          await runtime.stop(container.id, { signal: stopSignal, graceMs: stopGraceMs })
        } catch (error) {
          // One that cannot be stopped goes on; it must not keep the others from an orderly end.
          if (!(error instanceof OperationalError)) throw error
          this.#deps.log.warn('task could not be stopped', { task: task.id, reason: error.message })
          left.add(task.id)
        }
      }),
    )
    return [...left]
  }

  stop(): void {
    this.#stopped = true
    this.#probes.stop()
    this.#cancelWake?.()
    for (const call of this.#calls.values()) call.controller.abort()
  }

  #pass(): void {
    const now = this.#deps.clock.now()
    let wakeAt: Millis | null = null
    const running = []
    for (const task of [...this.#tasks.values()].sort(byNeed)) {
      const kind = runtimeOf(task.spec)
      const before = this.#records.get(task.id) ?? newRecord(task)
      if (!this.#records.has(task.id)) this.#records.set(task.id, before)
      const silentSince = this.#deps.containers.silentSince(kind)
      if (silentSince !== null) {
        const doubtAt = silentSince + DOUBT_AFTER_MS
        const after = doubtAt <= now ? afterSilence(before) : afterInterruption(before)
        if (after !== before) this.#note(after)
        if (doubtAt > now) wakeAt = earlier(wakeAt, doubtAt)
        continue
      }
      const container = this.#deps.containers.of(task.id)
      if (container?.state === 'running') this.#ran.add(task.id)
      if (container?.state === 'running' && !isTerminal(before.status.state)) running.push({ task, container })
      if (this.#calls.has(task.id)) continue
      const runsUntil = this.#deps.runsUntil(task)
      const heldUp = this.#whyHeldUp(task, container)
      const step =
        heldUp !== null
          ? heldStep(before, heldUp)
          : stepTask(task, before, container, this.#probes.healthOf(task.id), now, runsUntil)
      const notBefore = this.#notBefore.get(task.id) ?? 0
      // A stop waits for the program more than it works, and may free what others need.
      const mayAct = step.action === null || (notBefore <= now && (step.action.kind === 'stop' || this.#mayCall()))
      if (step.action !== null && step.action.kind !== 'stop' && this.#needsWord(task)) continue
      if (!mayAct) {
        if (notBefore > now) wakeAt = earlier(wakeAt, notBefore)
        continue
      }
      if (step.record !== before) this.#note(step.record)
      if (step.action !== null) this.#call(task, step.action)
      wakeAt = earlier(wakeAt, step.wakeAt)
    }
    this.#probes.follow(running)
    this.#removeStrays()
    if (this.#hasSettled()) this.#deps.onSettled()
    this.#cancelWake?.()
    this.#cancelWake = wakeAt === null ? null : this.#deps.clock.callAt(wakeAt, () => this.wake())
  }

  /** Whether only a leader knows if it may start here: another one may run elsewhere since this agent was last told. */
  #needsWord({ spec }: Task): boolean {
    return spec.exclusive && !this.#confirmed
  }

  /** What it must not begin beside, of what the state does not know; null: nothing. */
  #whyHeldUp(task: Task, container: Container | null): string | null {
    const { keepsUnknown, unsettled } = this.#standing
    if (task.desired === 'stopped' || container?.state === 'running') return null
    if (unsettled && task.spec.exclusive && !this.#ran.has(task.id))
      return 'another may run that the state does not know: `gantry cluster settle`'
    if (!keepsUnknown) return null
    for (const { container: other } of this.#deps.containers.all()) {
      const isUnknown = other.state === 'running' && !this.#tasks.has(other.taskId)
      if (isUnknown && slotOf(other.taskId) === slotOf(task.id))
        return 'its slot is taken by a task that the state does not know'
    }
    return null
  }

  #note(record: TaskRecord): void {
    this.#records.set(record.taskId, record)
    this.#deps.onRecords()
  }

  #mayCall(): boolean {
    let atWork = 0
    for (const { heavy, acting } of this.#calls.values()) if (heavy && acting) atWork += 1
    return atWork < CALLS_AT_ONCE
  }

  #call(task: Task, action: TaskAction): void {
    const runtime = this.#deps.containers.runtime(runtimeOf(task.spec))
    if (runtime === null) return
    this.#deps.log.debug('acting on task', { task: task.id, action: action.kind })
    const { clock } = this.#deps
    const call = this.#newCall(task.id, action.kind !== 'stop', 'containerId' in action ? action.containerId : null)
    const deps = { clock, runtime, context: this.#deps.context(), onProgress: () => undefined }
    call.done = carryOut(task, action, deps, call.controller.signal)
      .then((outcome) => {
        // The engine is free for another call while we look.
        call.acting = false
        this.wake()
        this.#takeIn(outcome, task, action)
        const { containers } = this.#deps
        if (outcome.containerId === null) return containers.lookAtAll(runtime.kind)
        return containers.lookAt(runtime.kind, outcome.containerId)
      })
      .finally(() => this.#endCall(task.id))
  }

  #newCall(id: TaskId, heavy: boolean, containerId: string | null): Call {
    const call: Call = { controller: new AbortController(), heavy, containerId, acting: true, done: Promise.resolve() }
    this.#calls.set(id, call)
    return call
  }

  #endCall(id: TaskId): void {
    this.#calls.delete(id)
    this.wake()
  }

  #takeIn(outcome: Outcome, task: Task, action: TaskAction): void {
    const record = this.#records.get(task.id)
    if (outcome.record !== null && record !== undefined) {
      const next = outcome.record(record)
      this.#note(next)
      this.#notBefore.set(task.id, this.#deps.clock.now() + CALL_PAUSE_MS)
      this.#deps.log.warn('task action failed', { task: task.id, action: action.kind, reason: next.status.message })
    }
    if (outcome.repaired) this.#probes.begin(task.id)
  }

  /** Removes containers of our cluster that no task asks for, unless that would take down too much unasked. */
  #removeStrays(): void {
    if (!this.#confirmed) return
    const strays = [...this.#deps.containers.all()].filter(({ container }) => !this.#tasks.has(container.taskId))
    const running = [...this.#deps.containers.all()].filter(({ container }) => container.state === 'running').length
    const { dismissed, keepsUnknown, settles } = this.#standing
    const going = strays.filter(
      ({ container }) => container.state === 'running' && !this.#wasStopped(container.taskId),
    ).length
    const verdict = keepsUnknown ? keepUnknown(going) : guardRemovals(running, dismissed || settles ? 0 : going)
    if (!verdict.allowed) {
      if (this.#blocked === '') this.#deps.log.error('containers without a task are kept', { reason: verdict.message })
      this.#blocked = verdict.message
      return
    }
    this.#blocked = ''
    for (const { kind, container } of strays) this.#remove(kind, container.taskId, container.id)
    for (const id of this.#records.keys()) {
      if (!this.#tasks.has(id) && this.#deps.containers.of(id) === null) this.#records.delete(id)
    }
  }

  /** Whether nothing runs or is being started here that the settled state does not know, as far as every runtime says. */
  #hasSettled(): boolean {
    if (!this.#standing.settles) return false
    const { containers } = this.#deps
    if (RUNTIME_KINDS.some((kind) => containers.runtime(kind) !== null && containers.silentSince(kind) !== null))
      return false
    if ([...this.#calls.keys()].some((id) => !this.#tasks.has(id))) return false
    return [...containers.all()].every(
      ({ container }) => container.state !== 'running' || this.#tasks.has(container.taskId),
    )
  }

  #wasStopped(id: TaskId): boolean {
    const record = this.#records.get(id)
    return record !== undefined && isTerminal(record.status.state)
  }

  #remove(kind: Runtime['kind'], id: TaskId, containerId: string): void {
    const runtime = this.#deps.containers.runtime(kind)
    const now = this.#deps.clock.now()
    if (
      runtime === null ||
      this.#calls.has(id) ||
      this.#calls.size >= CALLS_AT_ONCE ||
      (this.#notBefore.get(id) ?? 0) > now
    )
      return
    const call = this.#newCall(id, true, containerId)
    call.done = runtime
      .remove(containerId)
      .catch((error: unknown) => {
        if (!(error instanceof OperationalError)) throw error
        this.#notBefore.set(id, this.#deps.clock.now() + CALL_PAUSE_MS)
        this.#deps.clock.callAt(this.#deps.clock.now() + CALL_PAUSE_MS, () => this.wake())
        this.#deps.log.warn('container could not be removed', { task: id, reason: error.message })
      })
      .then(() => {
        call.acting = false
        return this.#deps.containers.lookAt(kind, containerId)
      })
      .finally(() => this.#endCall(id))
  }
}

/** What is to stop first, since it may free what a start needs; then in a steady order. */
function byNeed(a: Task, b: Task): number {
  const stopsA = a.desired === 'stopped' ? 0 : 1
  const stopsB = b.desired === 'stopped' ? 0 : 1
  return stopsA - stopsB || a.createdAt - b.createdAt || compareText(a.id, b.id)
}
