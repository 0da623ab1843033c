import { earlier } from '../../lib/collections.ts'
import type { Millis, ServiceName, Slot, TaskId } from '../model/ids.ts'
import type { Node } from '../model/node.ts'
import type { ServiceSpec, UpdatePolicy } from '../model/service.ts'
import { isAlive, isWanted, type Task } from '../model/task.ts'
import { displacementOn } from './displaced.ts'
import { retryVerdict } from './restart.ts'
import { planRollout } from './rollout.ts'
import { emptySlot, lastAttempt, type SlotTasks, sortSlots, wantedSlots, whyNotWanted } from './slots.ts'

/** Everything that the decision about one service rests on. */
export interface ServiceInput {
  readonly name: ServiceName
  /** null: nobody wants the service any more. */
  readonly spec: ServiceSpec | null
  readonly specHash: string | null
  /** Whether a user asked for its removal; without that a service that is not wanted is left alone. */
  readonly removalAsked: boolean
  /** All of its tasks, in any state. */
  readonly tasks: readonly Task[]
  readonly nodes: readonly Node[]
  readonly attemptFloor: number
  readonly retryAt: Millis | null
  /** When this server saw that a task had ended, by its own clock: pauses count from then, whoever led before. */
  readonly endSeenAt: (task: Task) => Millis
  /** Why its tasks may not start yet (a dependency is not healthy); null: they may. */
  readonly hold: string | null
}

export type ServiceAction =
  | {
      readonly kind: 'createTask'
      readonly slot: Slot
      readonly attempt: number
      readonly desired: 'prepared' | 'running'
      readonly failures: number
      readonly because: string
    }
  | {
      readonly kind: 'setDesired'
      readonly taskId: TaskId
      readonly desired: 'running' | 'stopped'
      readonly because: string
    }
  /** The spec changed in a way that needs no new container. */
  | { readonly kind: 'setSpec'; readonly taskId: TaskId; readonly because: string }
  /** Forgets an ended task; its agent removes the container. */
  | { readonly kind: 'removeTask'; readonly taskId: TaskId; readonly because: string }
  /** Attempts up to this number are used; said whenever the newest task of a slot is forgotten. */
  | { readonly kind: 'raiseFloor'; readonly attempt: number }

export interface ServicePlan {
  readonly actions: readonly ServiceAction[]
  /** When to look again although nothing changed; null: only on change. */
  readonly wakeAt: Millis | null
  /** Why nothing is done although something seems to be needed; null: nothing is held back. */
  readonly blocked: string | null
  /** Whether nothing is to be done and nothing on its way; see `goesOn`. */
  readonly atRest: boolean
}

/** Ended attempts of a slot that are kept, with their logs. */
const KEPT_ATTEMPTS = 3

/**
 * Decides what a service needs now. It is told the whole situation, never what just happened, so a missed, repeated or
 * reordered event cannot change the answer.
 */
export function planService(input: ServiceInput, now: Millis): ServicePlan {
  const { spec, tasks } = input
  if (spec === null && tasks.some(isAlive) && !input.removalAsked) {
    return {
      actions: [],
      wakeAt: null,
      blocked: `${input.name} is not in the desired manifest, but nobody asked for its removal`,
      atRest: false,
    }
  }
  const displaced = spec === null ? null : displacementOn(spec, input.nodes)
  const slots = sortSlots(tasks, input.specHash, (task) => displaced === null || displaced(task) === null)
  const wanted = spec === null ? [] : wantedSlots(spec, input.nodes)
  const wantedSet = new Set(wanted)
  const actions: ServiceAction[] = []
  let wakeAt: Millis | null = null

  for (const slot of slots.values()) {
    if (wantedSet.has(slot.slot)) continue
    const because = spec === null ? 'the service was removed' : whyNotWanted(spec, slot.slot, input.nodes)
    emptyOut(slot, because, input.nodes, actions)
  }
  if (spec !== null) {
    const inOrder = wanted.map((slot) => slots.get(slot) ?? emptySlot(slot))
    for (const slot of inOrder) {
      wakeAt = earlier(wakeAt, fill(slot, spec, input, now, actions))
      updateInPlace(slot, spec, input.specHash, actions)
      forgetOld(slot, input.nodes, actions)
    }
    wakeAt = earlier(wakeAt, planRollout({ slots: inOrder, spec, input, now }, actions))
  }
  const moves = actions.length > 0 || [...slots.values()].some(({ outdated }) => outdated.length > 0)
  return { actions, wakeAt, blocked: null, atRest: spec !== null && !moves }
}

/**
 * Whether what a service at rest needs is the same although this task of it has changed: it runs what it should. In a service of
 * thousands something changes all the time, and most of it is readiness, which matters to rollouts only.
 */
export function goesOn(task: Task, specHash: string): boolean {
  return task.status.state === 'running' && task.desired === 'running' && task.specHash === specHash
}

function emptyOut(slot: SlotTasks, because: string, nodes: readonly Node[], actions: ServiceAction[]): void {
  for (const { id } of [...slot.current, ...slot.outdated])
    actions.push({ kind: 'setDesired', taskId: id, desired: 'stopped', because })
  if (slot.current.length + slot.outdated.length + slot.stopping.length > 0) return
  for (const { id } of forgettable(slot.ended, nodes)) actions.push({ kind: 'removeTask', taskId: id, because })
  const newest = slot.ended[0]
  if (newest !== undefined) actions.push({ kind: 'raiseFloor', attempt: newest.attempt })
}

/** Gives an empty slot a task, and lets a prepared one start once nothing is in its way. */
function fill(
  slot: SlotTasks,
  spec: ServiceSpec,
  input: ServiceInput,
  now: Millis,
  actions: ServiceAction[],
): Millis | null {
  const [kept, ...surplus] = slot.current
  for (const { id } of surplus)
    actions.push({ kind: 'setDesired', taskId: id, desired: 'stopped', because: 'another attempt holds its slot' })
  if (kept !== undefined) {
    const others = slot.outdated.length + slot.stopping.length + surplus.length
    if (kept.desired === 'prepared' && input.hold === null && others <= roomBeside(orderFor(kept, spec))) {
      actions.push({ kind: 'setDesired', taskId: kept.id, desired: 'running', because: 'nothing is in its way' })
    }
    // Without a node it has not begun, so another attempt can take its place that knows that it has to wait.
    if (kept.desired === 'running' && kept.status.state === 'pending' && others > roomBeside(spec.update.order)) {
      const because = 'it may no longer start beside its predecessor'
      actions.push({ kind: 'setDesired', taskId: kept.id, desired: 'stopped', because })
    }
    return null
  }
  // Outdated tasks are the rollout's business, and a stopping task keeps its slot until it has ended.
  if (slot.outdated.length + slot.stopping.length > 0) return null
  return createNext(slot, spec, input, now, input.hold === null ? 'running' : 'prepared', actions)
}

/** In which order a new task takes its slot over. One that was placed to wait may count on what the old one holds. */
export function orderFor(task: Task | undefined, spec: ServiceSpec): UpdatePolicy['order'] {
  return task?.desired === 'prepared' && task.spec.update.order === 'stop-first' ? 'stop-first' : spec.update.order
}

/** How many other tasks of a slot may still run when its new one starts. */
export function roomBeside(order: UpdatePolicy['order']): number {
  return order === 'stop-first' ? 0 : 1
}

/** Creates the next attempt of a slot if its time has come, and says when that will be if not. */
export function createNext(
  slot: SlotTasks,
  spec: ServiceSpec,
  input: ServiceInput,
  now: Millis,
  desired: 'prepared' | 'running',
  actions: ServiceAction[],
): Millis | null {
  // An attempt of this spec that is still stopping decides what comes next when it has ended.
  if (slot.stopping.some((task) => task.specHash === input.specHash)) return null
  const last = lastAttempt(slot, input.specHash)
  const verdict = retryVerdict(spec, last, input.retryAt, now, last === null ? 0 : input.endSeenAt(last))
  if (verdict.kind === 'leave') return null
  if (verdict.kind === 'later') return verdict.at
  const moved = slot.outdated.find((task) => task.specHash === input.specHash) ?? null
  const used = [...slot.outdated, ...slot.stopping, ...slot.ended].reduce((max, task) => Math.max(max, task.attempt), 0)
  actions.push({
    kind: 'createTask',
    slot: slot.slot,
    attempt: Math.max(used, input.attemptFloor) + 1,
    desired,
    failures: (last ?? moved)?.status.failures ?? 0,
    because: input.hold ?? (last === null && used > 0 ? whyAnother(moved, spec, input) : verdict.because),
  })
  return null
}

/** Why a slot whose task has not failed gets another one. */
function whyAnother(moved: Task | null, spec: ServiceSpec, { nodes }: ServiceInput): string {
  return (moved === null ? null : displacementOn(spec, nodes)(moved)) ?? 'the spec changed'
}

function updateInPlace(
  { current, outdated }: SlotTasks,
  spec: ServiceSpec,
  specHash: string | null,
  actions: ServiceAction[],
): void {
  const moved = outdated.filter((task) => task.specHash === specHash)
  for (const task of [...current, ...moved]) {
    // How it takes its slot over was decided with the spec it has; the rest matters only once it runs.
    if (task.desired === 'prepared') continue
    if (!isSame(task.spec, spec)) {
      actions.push({ kind: 'setSpec', taskId: task.id, because: 'the spec changed in place' })
    }
  }
}

/** Specs are immutable objects of one store revision, so those that were the same once are so for good. */
const same = new WeakMap<ServiceSpec, ServiceSpec>()

function isSame(one: ServiceSpec, other: ServiceSpec): boolean {
  if (one === other || same.get(one) === other) return true
  if (JSON.stringify(one) !== JSON.stringify(other)) return false
  same.set(one, other)
  return true
}

/** What was lost is kept until its node says that it runs no more: an agent is not to find something that nobody knows. */
function forgettable(tasks: readonly Task[], nodes: readonly Node[]): readonly Task[] {
  return tasks.filter(
    ({ status, gone, node }) => status.state !== 'lost' || gone || !nodes.some(({ id }) => id === node),
  )
}

function forgetOld(slot: SlotTasks, nodes: readonly Node[], actions: ServiceAction[]): void {
  for (const { id } of forgettable(slot.ended.slice(KEPT_ATTEMPTS), nodes)) {
    actions.push({ kind: 'removeTask', taskId: id, because: `only the last ${KEPT_ATTEMPTS} ended attempts are kept` })
  }
}

/** Whether a service that others depend on serves: every slot has a ready task, or its job is done. */
export function isServing(spec: ServiceSpec, tasks: readonly Task[], nodes: readonly Node[]): boolean {
  const slots = wantedSlots(spec, nodes)
  if (slots.length === 0) return false
  return slots.every((slot) =>
    tasks.some(
      (task) => task.slot === slot && ((isWanted(task) && task.status.ready) || task.status.state === 'completed'),
    ),
  )
}
