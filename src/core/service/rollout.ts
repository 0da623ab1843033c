import { earlier } from '../../lib/collections.ts'
import type { Millis } from '../model/ids.ts'
import type { ServiceSpec } from '../model/service.ts'
import { createNext, roomBeside, type ServiceAction, type ServiceInput } from './plan-service.ts'
import type { SlotTasks } from './slots.ts'

interface Rollout {
  /** Every wanted slot. */
  readonly slots: readonly SlotTasks[]
  readonly spec: ServiceSpec
  readonly input: ServiceInput
  readonly now: Millis
}

/**
 * Moves outdated slots to the newest spec, at most `parallelism` at a time. The new task is prepared (image and
 * container) while the old one serves. Start-first: the old one stops when the new one is ready, so never fewer serve
 * than before. Stop-first: the old one stops when the new one is prepared, so the gap is one stop and one start. A slot
 * whose new task does not become ready holds up the slots behind it.
 */
export function planRollout(rollout: Rollout, actions: ServiceAction[]): Millis | null {
  const { slots, spec, input, now } = rollout
  let wakeAt: Millis | null = null
  let moving = slots.filter(isMoving).length
  let serving = slots.filter(isServed).length
  // A slot that no node can take is not unavailable because of us, so it must not hold up the others.
  const placeable = slots.filter((slot) => !slot.current.some((task) => task.refusal !== null)).length

  for (const slot of troubledFirst(slots)) {
    const fresh = slot.current[0]
    stopOvertaken(slot, actions)
    if (fresh === undefined) {
      if (moving >= spec.update.parallelism) continue
      const crowded = slot.outdated.length + slot.stopping.length > roomBeside(spec)
      const desired = crowded || input.hold !== null ? 'prepared' : 'running'
      const before = actions.length
      wakeAt = earlier(wakeAt, createNext(slot, spec, input, now, desired, actions))
      if (actions.length > before) moving += 1
      continue
    }
    const served = slot.outdated.some((task) => task.status.ready)
    const mayStop =
      spec.update.order === 'start-first'
        ? fresh.status.ready
        : fresh.status.prepared &&
          input.hold === null &&
          (!served || serving - 1 >= placeable - spec.update.parallelism)
    if (!mayStop) continue
    if (served && spec.update.order === 'stop-first') serving -= 1
    for (const { id } of slot.outdated) {
      actions.push({ kind: 'setDesired', taskId: id, desired: 'stopped', because: `${fresh.id} replaces it` })
    }
  }
  return wakeAt
}

/** Of several outdated tasks one goes on until the new one is there; the others were on their way when they were overtaken. */
function stopOvertaken({ outdated }: SlotTasks, actions: ServiceAction[]): void {
  const kept = outdated.find((task) => task.status.ready) ?? outdated[0]
  for (const task of outdated) {
    if (task === kept) continue
    const because = 'a newer spec came before it served'
    actions.push({ kind: 'setDesired', taskId: task.id, desired: 'stopped', because })
  }
}

/** On its way to the newest spec: its new task is placed, or could be, and does not serve yet. */
function isMoving(slot: SlotTasks): boolean {
  const fresh = slot.current[0]
  return fresh !== undefined && !fresh.status.ready && fresh.refusal === null
}

function isServed(slot: SlotTasks): boolean {
  return [...slot.current, ...slot.outdated].some((task) => task.status.ready)
}

function troubledFirst(slots: readonly SlotTasks[]): SlotTasks[] {
  const outdated = slots.filter((slot) => slot.outdated.length > 0)
  return [...outdated.filter((slot) => !isServed(slot)), ...outdated.filter(isServed)]
}
