import { groupBy } from '../../lib/collections.ts'
import type { Slot } from '../model/ids.ts'
import type { Node } from '../model/node.ts'
import type { ServiceSpec } from '../model/service.ts'
import { isAlive, isWanted, type Task } from '../model/task.ts'

/** The tasks of one slot, sorted out: what is there, what is wanted, what went before. */
export interface SlotTasks {
  readonly slot: Slot
  /** Of the newest spec, wanted and not ended; the one to keep first: a ready one, else the highest attempt. */
  readonly current: readonly Task[]
  /** Wanted and not ended, but of another spec, or where it may not stay. */
  readonly outdated: readonly Task[]
  /** Told to stop, not ended yet. */
  readonly stopping: readonly Task[]
  /** Ended; the highest attempt first. */
  readonly ended: readonly Task[]
}

const NONE: readonly Task[] = []

/** Sorts the tasks of a service into slots. `mayStay`: whether a task may stay where it is; left out, all may. */
export function sortSlots(
  tasks: readonly Task[],
  specHash: string | null,
  mayStay: (task: Task) => boolean = () => true,
): Map<Slot, SlotTasks> {
  const isCurrent = (task: Task): boolean => task.specHash === specHash && mayStay(task)
  const slots = new Map<Slot, SlotTasks>()
  for (const [slot, inSlot] of groupBy(tasks, (task) => task.slot)) {
    const [only] = inSlot
    if (only !== undefined && inSlot.length === 1) {
      slots.set(slot, alone(only, inSlot, isCurrent))
      continue
    }
    const newestFirst = [...inSlot].sort((a, b) => b.attempt - a.attempt)
    const wanted = newestFirst.filter(isWanted)
    slots.set(slot, {
      slot,
      current: wanted.filter(isCurrent).sort((a, b) => Number(b.status.ready) - Number(a.status.ready)),
      outdated: wanted.filter((task) => !isCurrent(task)),
      stopping: newestFirst.filter((task) => isAlive(task) && task.desired === 'stopped'),
      ended: newestFirst.filter((task) => !isAlive(task)),
    })
  }
  return slots
}

/** Of nearly all slots of a large service there is only one task, and it need not be sorted. */
function alone(task: Task, tasks: readonly Task[], isCurrent: (task: Task) => boolean): SlotTasks {
  const [wanted, alive] = [isWanted(task), isAlive(task)]
  const current = wanted && isCurrent(task)
  return {
    slot: task.slot,
    current: current ? tasks : NONE,
    outdated: wanted && !current ? tasks : NONE,
    stopping: alive && !wanted ? tasks : NONE,
    ended: alive ? NONE : tasks,
  }
}

/** The attempt that the next one of this spec follows: null when there was none, or another spec had the slot since. */
export function lastAttempt({ outdated, stopping, ended }: SlotTasks, specHash: string | null): Task | null {
  const [newest] = ended
  if (newest === undefined || newest.specHash !== specHash) return null
  return [...outdated, ...stopping].some(({ attempt }) => attempt > newest.attempt) ? null : newest
}

/** A slot without any task. */
export function emptySlot(slot: Slot): SlotTasks {
  return { slot, current: NONE, outdated: NONE, stopping: NONE, ended: NONE }
}

/** The slots that a spec asks for: 1 to n, or one for each node that a global service belongs on. */
export function wantedSlots(spec: ServiceSpec, nodes: readonly Node[]): Slot[] {
  if (spec.mode === 'global') {
    return nodes
      .filter((node) => node.status !== 'removed' && node.availability !== 'drain' && matchesPlacement(spec, node))
      .map((node) => node.id)
      .sort((a, b) => a - b)
  }
  return Array.from({ length: spec.replicas }, (_, i) => i + 1)
}

/** Whether the node has a role that the service runs on. */
export function matchesPlacement(spec: ServiceSpec, node: Node): boolean {
  return spec.placements.length === 0 || spec.placements.includes(node.placement)
}

/** Why a slot that is not asked for is not, in words. */
export function whyNotWanted(spec: ServiceSpec, slot: Slot, nodes: readonly Node[]): string {
  if (spec.mode !== 'global') return 'scaled down'
  const node = nodes.find(({ id }) => id === slot)
  if (node === undefined || node.status === 'removed') return `node ${slot} is not in the cluster`
  return node.availability === 'drain' ? `node ${slot} is drained` : `node ${slot} has placement ${node.placement}`
}
