import { specHash } from '../manifest/diff.ts'
import type { Slot } from '../model/ids.ts'
import type { Node } from '../model/node.ts'
import type { ServiceSpec } from '../model/service.ts'
import { isWanted, type Task } from '../model/task.ts'
import { displacementOn } from '../service/displaced.ts'
import { comesBack, comesWithApply } from '../service/restart.ts'
import { emptySlot, sortSlots, wantedSlots } from '../service/slots.ts'

export interface SlotToFill {
  readonly slot: Slot
  /** The newest attempt there; null: there was none. */
  readonly last: Task | null
}

/** How the tasks of a service differ from what its spec asks for. */
export interface TaskChanges {
  /** They run in a wanted slot, but were made from another spec, or may not stay on their node. */
  readonly outdated: readonly Task[]
  /** They run in a slot that is not wanted. */
  readonly surplus: readonly Task[]
  /** Wanted slots where nothing runs that get a task. */
  readonly empty: readonly SlotToFill[]
  /** All slots that get a task: the empty ones, and those whose replacement has not been made yet. */
  readonly toFill: readonly SlotToFill[]
}

/**
 * Compares the tasks of a service with its spec. A slot that comes back by itself, because its policy restarts it, is
 * no difference, nor is a job that is done; a slot that only an apply brings back is one. `moving`: whether tasks that
 * may not stay on their nodes count; for a change of the manifest they do not, for they go whatever it says.
 */
export function taskChanges(
  spec: ServiceSpec,
  tasks: readonly Task[],
  nodes: readonly Node[],
  moving = false,
): TaskChanges {
  const hash = specHash(spec)
  const displaced = displacementOn(spec, nodes)
  const slots = sortSlots(tasks, hash, (task) => !moving || displaced(task) === null)
  const wanted = wantedSlots(spec, nodes)
  const wantedSet = new Set(wanted)
  const inOrder = wanted.map((slot) => slots.get(slot) ?? emptySlot(slot))
  const empty = inOrder
    .filter(({ current, outdated, stopping }) => current.length + outdated.length + stopping.length === 0)
    .map(({ slot, ended }) => ({ slot, last: ended[0] ?? null }))
    .filter(({ last }) => last === null || needsApply(spec, hash, last))
  const replaced = inOrder
    .filter(({ current }) => current.length === 0)
    .flatMap(({ slot, outdated: [last] }) => (last === undefined ? [] : [{ slot, last }]))
  return {
    outdated: inOrder.flatMap(({ outdated }) => outdated),
    surplus: tasks
      .filter((task) => isWanted(task) && !wantedSet.has(task.slot))
      .sort((a, b) => a.slot - b.slot || a.attempt - b.attempt),
    empty,
    toFill: [...replaced, ...empty],
  }
}

function needsApply(spec: ServiceSpec, hash: string, last: Task): boolean {
  return last.specHash !== hash || (comesWithApply(spec, last) && !comesBack(spec, last))
}
