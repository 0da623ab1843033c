import { earlier } from '../../lib/collections.ts'
import type { Millis } from '../model/ids.ts'
import type { ServiceSpec } from '../model/service.ts'
import type { Task } from '../model/task.ts'
import { createNext, orderFor, roomBeside, type ServiceAction, type ServiceInput } from './plan-service.ts'
import { retryVerdict } from './restart.ts'
import { lastAttempt, type SlotTasks } from './slots.ts'

interface Rollout {
  /** Every wanted slot. */
  readonly slots: readonly SlotTasks[]
  readonly spec: ServiceSpec
  readonly input: ServiceInput
  readonly now: Millis
}

/**
 * Moves outdated slots to the newest spec, and off nodes where their tasks may not stay, at most `parallelism` at a time. The new task is prepared (image and
 * container) while the old one serves. Start-first: the old one stops when the new one is ready, so never fewer serve
 * than before. Stop-first: the old one stops when the new one is prepared, so the gap is one stop and one start. A slot
 * whose new task does not become ready holds up the slots behind it.
 */
export function planRollout(rollout: Rollout, actions: ServiceAction[]): Millis | null {
  const { slots, spec, input, now } = rollout
  let wakeAt: Millis | null = null
  let moving = slots.filter(isMoving).length
  let serving = slots.filter(isServed).length
  // A slot that nothing will fill is not unavailable because of us, so it must not hold up the others.
  const placeable = slots.filter((slot) => isExpected(slot, input)).length

  for (const slot of troubledFirst(slots)) {
    const fresh = slot.current[0]
    const old = stopOvertaken(slot, actions)
    if (fresh === undefined && isLeft(slot, input)) {
      // It goes on while it serves and the new one did not do its work; one that was still on its way has nowhere to go.
      const done = slot.ended[0]?.status.state === 'completed'
      if (old !== null && (done || old.status.startedAt === null))
        stop(old, 'nothing is to follow in its slot', actions)
      continue
    }
    if (fresh === undefined) {
      // Where nothing serves there is nothing to lose, and such a slot may be what the others wait for.
      if (moving >= spec.update.parallelism && isServed(slot)) continue
      const crowded = slot.outdated.length + slot.stopping.length > roomBeside(spec.update.order)
      const desired = crowded || input.hold !== null ? 'prepared' : 'running'
      const before = actions.length
      wakeAt = earlier(wakeAt, createNext(slot, spec, input, now, desired, actions))
      if (actions.length > before) moving += 1
      continue
    }
    const served = old?.status.ready ?? false
    const order = orderFor(fresh, spec)
    const mayStop =
      order === 'start-first'
        ? fresh.status.ready
        : fresh.status.prepared &&
          input.hold === null &&
          (!served || serving - 1 >= placeable - spec.update.parallelism)
    if (!mayStop || old === null) continue
    if (served && order === 'stop-first') serving -= 1
    stop(old, `${fresh.id} replaces it`, actions)
  }
  return wakeAt
}

function stop({ id }: Task, because: string, actions: ServiceAction[]): void {
  actions.push({ kind: 'setDesired', taskId: id, desired: 'stopped', because })
}

/**
 * Of several outdated tasks one goes on until the new one is there, and is returned. The others were themselves on their
 * way when a newer spec overtook them: they stop now, or a slot would hold more than a rollout may add.
 */
function stopOvertaken({ outdated }: SlotTasks, actions: ServiceAction[]): Task | null {
  // One without a node holds nothing yet, and must not get what its successor has been given.
  const begun = outdated.filter((task) => task.status.state !== 'pending')
  const kept = begun.find((task) => task.status.ready) ?? begun[0] ?? null
  for (const task of outdated) {
    if (task === kept) continue
    stop(task, 'it was overtaken before it served', actions)
  }
  return kept
}

/** On its way to the newest spec: its new task is placed, or could be, and does not serve yet. */
function isMoving(slot: SlotTasks): boolean {
  const fresh = slot.current[0]
  return fresh !== undefined && !fresh.status.ready && fresh.refusal === null
}

/** Whether something serves or is to serve in the slot: a node can take its task, and its end was not left as it is. */
function isExpected(slot: SlotTasks, input: ServiceInput): boolean {
  if (isServed(slot)) return true
  if (slot.current.some((task) => task.refusal !== null)) return false
  const empty = slot.current.length + slot.outdated.length + slot.stopping.length === 0
  return !(empty && isLeft(slot, input))
}

/** Whether nothing follows the newest attempt until somebody asks for it. */
function isLeft(slot: SlotTasks, { spec, specHash, retryAt }: ServiceInput): boolean {
  const last = lastAttempt(slot, specHash)
  return spec !== null && last !== null && retryVerdict(spec, last, retryAt, Number.MAX_SAFE_INTEGER).kind === 'leave'
}

function isServed(slot: SlotTasks): boolean {
  return [...slot.current, ...slot.outdated].some((task) => task.status.ready)
}

function troubledFirst(slots: readonly SlotTasks[]): SlotTasks[] {
  const outdated = slots.filter((slot) => slot.outdated.length > 0)
  return [...outdated.filter((slot) => !isServed(slot)), ...outdated.filter(isServed)]
}
