import { contentHash } from '../../lib/canonical-json.ts'
import { compareText, groupBy } from '../../lib/collections.ts'
import type { NodeId, ServiceName } from '../model/ids.ts'
import type { Node } from '../model/node.ts'
import {
  ACTION_KINDS,
  type ActionKind,
  type ManifestChange,
  type Plan,
  type PlanAction,
  type PlanNote,
} from '../model/plan.ts'
import type { ServiceSpec } from '../model/service.ts'
import { isWanted, type Task } from '../model/task.ts'
import { actionFor, removalOf } from './action.ts'
import { type Rehearsal, rehearse } from './dry-run.ts'
import { factsOf } from './facts.ts'
import { blockersOf, notesOf, type Support } from './remarks.ts'
import type { Specs } from './target.ts'
import { taskChanges } from './task-changes.ts'

export interface PlanInput {
  readonly clusterId: string
  readonly desiredRevision: number
  /** The specs of the desired manifest. */
  readonly current: Specs
  /** All tasks of the cluster, in any state. */
  readonly tasks: readonly Task[]
  readonly nodes: readonly Node[]
  readonly change: ManifestChange
  /** The specs that the change leads to. */
  readonly target: Specs
  /** Which images are there, on the nodes that answered. */
  readonly presentImages: ReadonlyMap<NodeId, ReadonlySet<string>>
  /** What is known already, from the loading of the manifest. */
  readonly notes: readonly PlanNote[]
  readonly support: Support
}

/**
 * Computes all that a change would do. The id names what would happen and what that rests on; pulls, notes, blockers
 * and consequences may move while the plan stays the same.
 */
export function computePlan(input: PlanInput): Plan {
  const { clusterId, desiredRevision: baseRevision, change, tasks, target } = input
  const nodes = [...input.nodes].sort((a, b) => a.id - b.id)
  const byService = groupBy(tasks, (task) => task.service)
  const tasksOf: TasksOf = (service) => byService.get(service) ?? []

  const actions = actionsOf(input, tasksOf, nodes)
  const touched = actions.map(({ service }) => service)
  const facts = factsOf(baseRevision, touched, tasks, nodes)
  const judged = Object.values(target)
    .filter((spec) => isAbout(change, spec.name))
    .sort((a, b) => compareText(a.name, b.name))
  const blockers = judged.flatMap((spec) => blockersOf(spec, nodes, input.support))
  const remarks = judged.flatMap((spec) => notesOf(spec, nodes, input.support))
  const rehearsal = rehearsalOf(actions, tasksOf, nodes, input)
  const explained = new Set(
    [...blockers, ...remarks.filter(({ field }) => field === 'placements')].map((note) => note.service),
  )

  return {
    id: contentHash({
      clusterId,
      baseRevision,
      change,
      facts,
      actions: actions.map(({ consequence: _, ...rest }) => rest),
    }),
    clusterId,
    baseRevision,
    change,
    actions,
    nodes: [],
    level: null,
    summary: countActions(actions),
    pulls: missingImages(rehearsal, input),
    notes: [...input.notes, ...remarks, ...rehearsal.notes.filter(({ service }) => !explained.has(service))],
    blockers,
    facts,
  }
}

type TasksOf = (service: ServiceName) => readonly Task[]

function actionsOf({ current, target, change }: PlanInput, tasksOf: TasksOf, nodes: readonly Node[]): PlanAction[] {
  const judged = Object.values(target).filter(({ name }) => isAbout(change, name))
  const wanted = judged.flatMap(
    (to) => actionFor({ from: specIn(current, to.name), to, tasks: tasksOf(to.name), nodes }) ?? [],
  )
  const removed = Object.values(current)
    .filter(({ name }) => specIn(target, name) === null)
    .map((from) => removalOf(from, tasksOf(from.name), removalReason(change)))
  return [...wanted, ...removed].sort((a, b) => compareText(a.service, b.service))
}

function specIn(specs: Specs, name: ServiceName): ServiceSpec | null {
  const spec = Object.hasOwn(specs, name) ? specs[name] : undefined
  return spec ?? null
}

function removalReason(change: ManifestChange): string {
  if (change.kind === 'destroy') return 'everything is to go'
  return change.kind === 'rollback' ? 'it was not in that revision' : 'it is no longer in the manifest'
}

/** A change that names a service leaves the others as they are, whatever there is to say of them. */
function isAbout(change: ManifestChange, service: ServiceName): boolean {
  return (change.kind !== 'scale' && change.kind !== 'restart') || change.service === service
}

function rehearsalOf(
  actions: readonly PlanAction[],
  tasksOf: TasksOf,
  nodes: readonly Node[],
  input: PlanInput,
): Rehearsal {
  const services = actions.map(({ service }) => {
    const to = specIn(input.target, service)
    const tasks = tasksOf(service)
    const gone = { outdated: [], surplus: tasks.filter(isWanted), empty: [], toFill: [] }
    return { to, changes: to === null ? gone : taskChanges(to, tasks, nodes) }
  })
  return rehearse({ clusterId: input.clusterId, services, tasks: input.tasks, nodes })
}

/** Images that are not where they would be needed, as far as those nodes answered. */
export function missingImages({ images }: Rehearsal, { presentImages }: Pick<PlanInput, 'presentImages'>): string[] {
  const missing = images.filter(({ image, node }) => presentImages.get(node)?.has(image) === false)
  return [...new Set(missing.map(({ image }) => image))].sort(compareText)
}

/** How many actions there are of each kind. */
export function countActions(actions: readonly PlanAction[]): Record<ActionKind, number> {
  const counted = ACTION_KINDS.map((kind) => [kind, actions.filter((action) => action.kind === kind).length] as const)
  return { add: 0, update: 0, replace: 0, remove: 0, ...Object.fromEntries(counted) }
}
