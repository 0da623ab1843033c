import { invariant } from '../../lib/assert.ts'
import { groupBy } from '../../lib/collections.ts'
import type { NodeId, TaskId } from '../model/ids.ts'
import type { Node } from '../model/node.ts'
import type { ServiceSpec } from '../model/service.ts'
import { isWanted, type PortBinding, type Task } from '../model/task.ts'
import { type Chooser, type Choosers, choosersFor } from './chooser.ts'
import { add } from './column.ts'
import { ask, type Demand, demandOf, generationOf, shapeOf, takes } from './demand.ts'
import { charge, chargeFleet, compareTasks, type Fleet, type Holder, nodeAt, slotHolders } from './fleet.ts'
import { bindPorts } from './host-ports.ts'
import { waitsForPredecessor } from './need.ts'
import { refusalSentence } from './refusal.ts'
import type { Strategy } from './strategy.ts'

export interface SchedulingInput {
  /** Wanted tasks without a node. */
  readonly pending: readonly Task[]
  readonly nodes: readonly Node[]
  /** Tasks with a node that have not ended: they hold CPU, memory, disk and host ports. */
  readonly alive: readonly Task[]
  readonly strategy: Strategy
  readonly clusterId: string
  /** Where the last attempt in the slot of a pending task failed; its next one goes elsewhere if it can. */
  readonly avoid?: ReadonlyMap<TaskId, NodeId>
}

export interface Placement {
  readonly taskId: TaskId
  readonly node: NodeId
  readonly hostPorts: readonly PortBinding[]
}

export interface Schedule {
  readonly placements: readonly Placement[]
  /** Tasks that no node can take now, with the reasons counted over the nodes. */
  readonly refusals: readonly { readonly taskId: TaskId; readonly message: string }[]
}

/**
 * Chooses nodes and host ports for pending tasks. Never gives out more than a node has, and never a host port twice;
 * a replacement that waits for its predecessor may use what that one holds, and stays on its node if it can.
 * Equal input gives equal output, in whatever order its lists come.
 */
export function planPlacements(input: SchedulingInput): Schedule {
  const fleet = chargeFleet(input.nodes, input.alive)
  const round: Round = {
    input,
    fleet,
    choosers: choosersFor(input.strategy, fleet),
    peers: groupBy(input.alive.filter(isWanted), generationOf),
    placements: [],
    refusals: [],
    refused: new Map(),
  }
  for (const group of groupAlike(input.pending)) placeAlike(group, round)
  return { placements: round.placements, refusals: round.refusals }
}

interface Round {
  readonly input: SchedulingInput
  readonly fleet: Fleet
  readonly choosers: Choosers
  /** Wanted tasks with a node, by service and generation. */
  readonly peers: ReadonlyMap<string, readonly Task[]>
  readonly placements: Placement[]
  readonly refusals: { readonly taskId: TaskId; readonly message: string }[]
  /** The last refusal of each shape: as long as nothing more is placed, it holds for every service of that shape. */
  readonly refused: Map<string, { readonly placed: number; readonly message: string }>
}

/** Tasks of one service and generation that need the same of a node, oldest first. */
interface Group {
  readonly tasks: Task[]
  /** How many tasks of any service need the same. */
  readonly sameShape: { tasks: number }
}

function groupAlike(pending: readonly Task[]): readonly Group[] {
  const shapes = new Map<ServiceSpec, string>()
  const counts = new Map<string, Group['sameShape']>()
  const groups = new Map<string, Group>()
  for (const task of [...pending].sort(compareTasks)) {
    const shape = shapes.get(task.spec) ?? shapeOf(task.spec)
    shapes.set(task.spec, shape)
    const sameShape = counts.get(shape) ?? { tasks: 0 }
    counts.set(shape, sameShape)
    sameShape.tasks += 1
    const key = `${generationOf(task)} ${shape}`
    const group = groups.get(key) ?? { tasks: [], sameShape }
    groups.set(key, group)
    group.tasks.push(task)
  }
  return [...groups.values()]
}

/** Places the tasks of a group; first those that may stay where their predecessor is. */
function placeAlike({ tasks, sameShape }: Group, round: Round): void {
  const { fleet } = round
  const [first] = tasks
  invariant(first !== undefined, 'a group has at least one task')
  const demand = demandOf(first.spec, fleet)
  const chooser = round.choosers(demand, { alike: tasks.length, sameShape: sameShape.tasks })
  countPeers(first, round)
  const elsewhere = tasks.filter((task) => {
    const home = homeOf(task, demand, fleet)
    if (home !== null) settle(task, home, demand, round)
    return home === null
  })
  for (const task of elsewhere) {
    if (first.spec.mode === 'global') refuse(task, refusalAtHome(task, demand, fleet), round)
    else placeAnywhere(task, demand, chooser, round)
  }
}

function placeAnywhere(task: Task, demand: Demand, chooser: Chooser, round: Round): void {
  const { fleet, input, placements, refused } = round
  const before = refused.get(demand.shape)
  const known = before?.placed === placements.length ? before : null
  const avoided = fleet.positions.get(input.avoid?.get(task.id) ?? NOWHERE) ?? null
  const at = known === null ? chooser(avoided) : null
  if (at !== null) {
    settle(task, at, demand, round)
    return
  }
  const message = known?.message ?? refusalSentence(fleet, fleet.nodes.keys(), demand)
  refused.set(demand.shape, { placed: placements.length, message })
  refuse(task, message, round)
}

/** No node has it. */
const NOWHERE: NodeId = 0

function refuse({ id: taskId }: Task, message: string, { refusals }: Round): void {
  refusals.push({ taskId, message })
}

/** Counts on each node the tasks of the generation that is placed now. */
function countPeers(task: Task, { peers, fleet }: Round): void {
  for (const at of fleet.peersAt) fleet.peers[at] = 0
  fleet.peersAt.length = 0
  for (const { node } of peers.get(generationOf(task)) ?? []) {
    const at = fleet.positions.get(node ?? NOWHERE)
    if (at !== undefined) countPeer(at, fleet)
  }
}

function countPeer(at: number, fleet: Fleet): void {
  add(fleet.peers, at, 1)
  fleet.peersAt.push(at)
}

/** Where a task has to run, or should because its predecessor makes room there; null: anywhere. */
function homeOf(task: Task, demand: Demand, fleet: Fleet): number | null {
  const holder = waitsForPredecessor(task.spec) ? soleHolder(slotHolders(fleet, task.service, task.slot)) : null
  const at = demand.spec.mode === 'global' ? fleet.positions.get(task.slot) : holder?.at
  if (at === undefined) return null
  return takes(fleet, at, demand, holder?.at === at ? holder : null) === null ? null : at
}

/** The newest holder of a slot, if nobody else waits for its place already. */
function soleHolder(holders: readonly Holder[]): Holder | null {
  const newest = holders.at(-1)
  if (newest === undefined) return null
  return holders.some((other) => other !== newest && other.at === newest.at) ? null : newest
}

function refusalAtHome(task: Task, demand: Demand, fleet: Fleet): string {
  const home = fleet.positions.get(task.slot)
  return home === undefined ? `node ${task.slot} is not in the cluster` : refusalSentence(fleet, [home], demand)
}

function settle(task: Task, at: number, demand: Demand, round: Round): void {
  const { fleet, input } = round
  const { need } = ask(fleet, at, demand)
  const isTaken = (key: number): boolean => fleet.ports.get(key)?.has(at) === true
  const hostPorts = bindPorts(need.ports, isTaken, input.clusterId, task.id)
  charge(fleet, at, task, need, hostPorts)
  countPeer(at, fleet)
  fleet.turn = at
  round.placements.push({ taskId: task.id, node: nodeAt(fleet, at).id, hostPorts })
}
