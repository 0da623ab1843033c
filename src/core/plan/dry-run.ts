import { groupBy } from '../../lib/collections.ts'
import { specHash } from '../manifest/diff.ts'
import { type NodeId, taskId } from '../model/ids.ts'
import type { Node } from '../model/node.ts'
import type { PlanNote } from '../model/plan.ts'
import type { ServiceSpec } from '../model/service.ts'
import { isAlive, isWanted, NEW_STATUS, type Task } from '../model/task.ts'
import { waitsForPredecessor } from '../schedule/need.ts'
import { planPlacements, type Schedule } from '../schedule/place.ts'
import { displacementOn } from '../service/displaced.ts'
import type { SlotToFill, TaskChanges } from './task-changes.ts'

/** A service whose tasks change, or go (`to` null: all of them are surplus). */
export interface Rehearsed {
  readonly to: ServiceSpec | null
  readonly changes: TaskChanges
}

export interface RehearsalInput {
  readonly clusterId: string
  readonly services: readonly Rehearsed[]
  /** All tasks of the cluster. */
  readonly tasks: readonly Task[]
  readonly nodes: readonly Node[]
}

export interface Rehearsal {
  /** Where each image would run, as far as that can be foreseen. */
  readonly images: readonly { readonly image: string; readonly node: NodeId }[]
  /** What could not be placed now. */
  readonly notes: readonly PlanNote[]
}

/** Tries out where the new tasks of a plan would go. Nothing holds the scheduler to it, so it makes notes, not promises. */
export function rehearse(input: RehearsalInput): Rehearsal {
  const staying = stayingTasks(input)
  const fresh = input.services.flatMap(({ to, changes }) => (to === null ? [] : freshTasks(to, changes.toFill)))
  const { placements, refusals } = schedule(input, fresh, staying)

  const nodeOf = new Map(placements.map(({ taskId: id, node }) => [id, node]))
  const predecessors = new Map(
    input.services.flatMap(({ to, changes }) =>
      changes.outdated
        .filter((task) => to !== null && displacementOn(to, input.nodes)(task) === null)
        .map((task) => [`${task.service}.${task.slot}`, task.node] as const),
    ),
  )
  const images = fresh.flatMap(({ id, service, slot, spec }) => {
    const { image } = spec.container
    const home = waitsForPredecessor(spec) ? predecessors.get(`${service}.${slot}`) : null
    const node = home ?? nodeOf.get(id)
    return image === null || node === undefined ? [] : [{ image, node }]
  })
  const refused = new Map(refusals.map(({ taskId: id, message }) => [id, message]))
  const notes = [...groupBy(fresh, (task) => task.service)].flatMap(([service, tasks]) =>
    waitingNotes(service, tasks, refused),
  )
  return { images, notes: [...notes, ...surgeNotes(input)] }
}

function waitingNotes(service: string, tasks: readonly Task[], refused: ReadonlyMap<string, string>): PlanNote[] {
  const waiting = groupBy(
    tasks.flatMap(({ id }) => refused.get(id) ?? []),
    (message) => message,
  )
  return [...waiting].map(([message, { length }]) => ({
    service,
    field: null,
    message: `${length} of ${tasks.length} new ${tasks.length === 1 ? 'task' : 'tasks'} would wait for a node: ${message}`,
  }))
}

/** A start-first replacement needs room beside the old task for a moment, even if both never have to stay. */
function surgeNotes(input: RehearsalInput): PlanNote[] {
  const surplus = new Set(input.services.flatMap(({ changes }) => changes.surplus))
  const beside = input.tasks.filter((task) => isAlive(task) && !surplus.has(task))
  return input.services.flatMap(({ to, changes: { outdated, toFill } }) => {
    if (to === null || waitsForPredecessor(to)) return []
    const replaced = toFill.filter(({ last }) => last !== null && outdated.includes(last))
    const { refusals } = schedule(input, freshTasks(to, replaced.slice(0, 1)), beside)
    return refusals.map(({ message }) => ({
      service: to.name,
      field: null,
      message: `a new task would wait for room beside the old ones: ${message}`,
    }))
  })
}

function schedule({ clusterId, nodes }: RehearsalInput, fresh: readonly Task[], staying: readonly Task[]): Schedule {
  const { placements, refusals } = planPlacements({
    pending: [...fresh, ...staying.filter((task) => task.node === null)],
    nodes,
    alive: staying.filter((task) => task.node !== null),
    strategy: 'spread',
    clusterId,
  })
  const ids = new Set(fresh.map(({ id }) => id))
  return { placements, refusals: refusals.filter(({ taskId: id }) => ids.has(id)) }
}

function stayingTasks({ services, tasks }: RehearsalInput): readonly Task[] {
  const going = new Set(services.flatMap(({ changes }) => [...changes.outdated, ...changes.surplus]))
  return tasks.filter((task) => isWanted(task) && !going.has(task))
}

/** Tasks as they would be made, for slots that get one. Their attempt is a guess that nobody else sees. */
function freshTasks(spec: ServiceSpec, slots: readonly SlotToFill[]): readonly Task[] {
  const hash = specHash(spec)
  return slots.map(({ slot, last }) => {
    const attempt = (last?.attempt ?? 0) + 1
    return {
      id: taskId(spec.name, slot, attempt),
      service: spec.name,
      slot,
      attempt,
      spec,
      specHash: hash,
      node: null,
      placement: null,
      hostPorts: [],
      desired: 'running',
      because: '',
      refusal: null,
      stoppedByUser: false,
      gone: false,
      // After all that exist.
      createdAt: Number.MAX_SAFE_INTEGER,
      status: NEW_STATUS,
    }
  })
}
