import { contentHash } from '../../lib/canonical-json.ts'
import { compareText, groupBy } from '../../lib/collections.ts'
import type { NodeId, TaskId } from '../model/ids.ts'
import type { DismissedMachine, Node } from '../model/node.ts'
import type { NodeChange, Plan, PlanAction, PlanNote } from '../model/plan.ts'
import type { ServiceSpec } from '../model/service.ts'
import { isAlive, type Task } from '../model/task.ts'
import { displacementOn } from '../service/displaced.ts'
import { whyNotWanted } from '../service/slots.ts'
import { listed, subjectOf } from './action.ts'
import { consequenceOf } from './consequence.ts'
import { rehearse } from './dry-run.ts'
import { factsOf } from './facts.ts'
import { nodeActionOf } from './node-action.ts'
import { nodeObjections } from './node-blockers.ts'
import { type NodeTarget, nodeTarget } from './node-target.ts'
import { countActions, missingImages } from './plan.ts'
import { type TaskChanges, taskChanges } from './task-changes.ts'

export interface NodePlanInput {
  readonly clusterId: string
  readonly desiredRevision: number
  readonly change: NodeChange
  /** Every service that is wanted, of the manifest and started by hand. */
  readonly services: readonly ServiceSpec[]
  /** All tasks of the cluster, in any state. */
  readonly tasks: readonly Task[]
  readonly nodes: readonly Node[]
  readonly dismissed: readonly DismissedMachine[]
  /** Names of servers. */
  readonly servers: ReadonlySet<string>
  /** Nodes whose agent is connected, or was a moment ago. */
  readonly connected: ReadonlySet<NodeId>
  /** Which images are there, on the nodes that answered. */
  readonly presentImages: ReadonlyMap<NodeId, ReadonlySet<string>>
}

/** What would happen to one service. */
interface Move {
  readonly spec: ServiceSpec
  readonly changes: TaskChanges
  readonly lost: readonly Task[]
}

/** What a change sets off among the services. */
interface Course {
  readonly moves: readonly Move[]
  /** What stops on the node itself. */
  readonly leaving: readonly Task[]
  readonly actions: readonly PlanAction[]
  readonly rehearsal: ReturnType<typeof rehearse>
}

/** Computes all that a change of a node would do. Throws as `nodeTarget` does. */
export function computeNodePlan(input: NodePlanInput): Plan {
  const { clusterId, desiredRevision: baseRevision, change, tasks, servers, connected } = input
  const nodes = [...input.nodes].sort((a, b) => a.id - b.id)
  const target = nodeTarget(change, nodes, input.dismissed)
  const { moves, leaving, actions, rehearsal } = courseOf(input, nodes, target)
  const refused = firstOfEach(rehearsal.notes)
  const refusals = refused.filter(({ service }) => leaving.some((task) => task.service === service))
  const objections = nodeObjections({ change, target, nodes, tasks, servers, connected, leaving, refusals })
  const nodeAction = nodeActionOf(change, target, tasks, leaving)
  const touched = nodeAction === null ? [] : [nodeAction]
  const services = actions.map(({ service }) => service)
  const facts = factsOf(baseRevision, services, tasks, nodes)
  const moved = moves.map(({ spec: { name } }) => name)
  const others = refused.filter((note) => !refusals.includes(note))
  return {
    id: contentHash({ clusterId, baseRevision, change, facts, touched, moved }),
    ...{ clusterId, baseRevision, change, actions, facts },
    nodes: touched,
    level: null,
    summary: countActions(actions),
    pulls: missingImages(rehearsal, input),
    notes: [...objections.notes, ...others, ...awayNotes(input, target, leaving)],
    blockers: objections.blockers,
  }
}

function courseOf(input: NodePlanInput, nodes: readonly Node[], target: NodeTarget): Course {
  const { clusterId, tasks } = input
  const after = nodesAfter(nodes, target)
  const moves = movesOf(input, nodes, after, target)
  const ending = moves.flatMap(({ changes: { outdated, surplus } }) => [...outdated, ...surplus])
  const services = moves.map(({ spec: to, changes }) => ({ to, changes }))
  const kept = tasks.filter((task) => !isLost(task, target))
  return {
    moves,
    leaving: ending.filter(({ node }) => node === target.from.id),
    actions: moves.map((move) => actionOf(move, tasks, after, target)),
    rehearsal: rehearse({ clusterId, services, tasks: kept, nodes: after }),
  }
}

function nodesAfter(nodes: readonly Node[], { from, to, freed }: NodeTarget): readonly Node[] {
  const others = nodes.filter(({ id }) => id !== from.id && id !== freed)
  return to === null ? others : [...others, to].sort((a, b) => a.id - b.id)
}

function isLost(task: Task, { losesTasks, from }: NodeTarget): boolean {
  return losesTasks && task.node === from.id && isAlive(task)
}

/** Only what this change itself brings about: what was on its way before goes on anyway. */
function movesOf(
  { services, tasks }: NodePlanInput,
  before: readonly Node[],
  after: readonly Node[],
  target: NodeTarget,
): readonly Move[] {
  const byService = groupBy(tasks, (task) => task.service)
  return [...services]
    .sort((a, b) => compareText(a.name, b.name))
    .map((spec) => {
      const its = byService.get(spec.name) ?? []
      const lost = its.filter((task) => isLost(task, target))
      const staying = its.filter((task) => !lost.includes(task))
      const changes = beyond(taskChanges(spec, staying, before, true), taskChanges(spec, staying, after, true))
      return { spec, changes: target.losesTasks ? { ...changes, empty: [], toFill: [] } : changes, lost }
    })
    .filter(
      ({ changes: { outdated, surplus, empty }, lost }) =>
        outdated.length + surplus.length + empty.length + lost.length > 0,
    )
}

function beyond(before: TaskChanges, after: TaskChanges): TaskChanges {
  const ids = (tasks: readonly Task[]): ReadonlySet<TaskId> => new Set(tasks.map(({ id }) => id))
  const slots = (slotsToFill: TaskChanges['empty']): ReadonlySet<number> => new Set(slotsToFill.map(({ slot }) => slot))
  const [outdated, surplus] = [ids(before.outdated), ids(before.surplus)]
  const [empty, toFill] = [slots(before.empty), slots(before.toFill)]
  return {
    outdated: after.outdated.filter(({ id }) => !outdated.has(id)),
    surplus: after.surplus.filter(({ id }) => !surplus.has(id)),
    empty: after.empty.filter(({ slot }) => !empty.has(slot)),
    toFill: after.toFill.filter(({ slot }) => !toFill.has(slot)),
  }
}

function actionOf(
  { spec, changes, lost }: Move,
  tasks: readonly Task[],
  after: readonly Node[],
  { from, to }: NodeTarget,
): PlanAction {
  const { outdated, surplus, empty } = changes
  const fresh = empty.map(({ slot }) => ({ slot, task: null, node: spec.mode === 'global' ? slot : null }))
  const its = tasks.filter(({ service }) => service === spec.name)
  const [moved] = outdated
  const reason = moved === undefined ? null : displacementOn(spec, after)(moved)
  const [stopped] = surplus
  const because =
    reason ??
    (stopped === undefined ? null : whyNotWanted(spec, stopped.slot, after)) ??
    (to === null ? `node ${from.id} leaves the cluster` : lost.length > 0 ? `node ${from.id} is given up` : '')
  return {
    kind: outdated.length + lost.length > 0 ? 'replace' : 'update',
    service: spec.name,
    subject: subjectOf(spec),
    tasks: [...[...outdated, ...surplus, ...lost].map(listed), ...fresh].sort((a, b) => a.slot - b.slot),
    fields: [],
    because: because === '' ? `node ${from.id} takes its tasks` : because,
    consequence: lost.length > 0 ? '' : consequenceOf(spec, its, changes),
  }
}

function awayNotes({ change, connected }: NodePlanInput, { from }: NodeTarget, leaving: readonly Task[]): PlanNote[] {
  if (change.kind !== 'node' || leaving.length === 0 || connected.has(from.id) || from.status !== 'unreachable')
    return []
  const message = `node ${from.id} is unreachable: what is to stop there stops when its agent is back`
  return [{ service: null, field: null, message }]
}

/** One reason for each service tells enough. */
function firstOfEach(notes: readonly PlanNote[]): readonly PlanNote[] {
  return notes.filter((note, at) => notes.findIndex(({ service }) => service === note.service) === at)
}
