import { invariant } from '../../lib/assert.ts'
import type { NodeId, ServiceName, Slot, TaskId } from '../model/ids.ts'
import type { Node } from '../model/node.ts'
import { type Resources, specOn } from '../model/service.ts'
import type { PortBinding, Task } from '../model/task.ts'
import { add, type Column, cell, columnOf } from './column.ts'
import { isPoolPort, portKey } from './host-ports.ts'
import { type PortHolders, RUNTIME_BITS, waitsForPredecessor } from './need.ts'
import { costPower, countPower } from './strategy.ts'

/** A task that holds its slot on a node. */
export interface Holder {
  readonly task: TaskId
  /** Position of the node in the fleet. */
  readonly at: number
  readonly resources: Resources
}

/**
 * All nodes of the cluster and what their tasks hold. Changes with each placement while the scheduler decides. What is
 * asked of every node for every decision lies in columns: objects would miss the processor's caches.
 */
export interface Fleet {
  /** By node id; removed nodes are left out. */
  readonly nodes: readonly Node[]
  readonly positions: ReadonlyMap<NodeId, number>
  readonly placements: readonly string[]
  /** Position among `placements`. */
  readonly placement: Column
  /** The runtimes in which a node takes new tasks, as a sum of RUNTIME_BITS; 0 unless it is ready and active. */
  readonly runtimes: Column
  /** Free resources are negative where the node shrank below what its tasks hold. */
  readonly freeCpuMillis: Column
  readonly freeMemoryBytes: Column
  readonly freeDiskBytes: Column
  readonly poolPortsUsed: Column
  /** 1 / capacity; 0 without capacity. */
  readonly perCpuMilli: Column
  readonly perMemoryByte: Column
  /** Tasks on the node. */
  readonly count: Column
  /** Share of its CPU that is set aside plus share of its memory. */
  readonly load: Column
  readonly cpuPower: Column
  readonly memoryPower: Column
  readonly countPower: Column
  /** Tasks on the node of the service that is placed now. */
  readonly peers: Column
  /** Where peers are counted now. */
  readonly peersAt: number[]
  /** Where tasks were placed, in the order of the decisions. */
  readonly changed: number[]
  /** Who holds each host port, by port key. */
  readonly ports: Map<number, PortHolders>
  /** Who holds each slot of each service, on whichever nodes; the oldest attempt first. */
  readonly slots: Map<ServiceName, Map<Slot, Holder[]>>
  /** Position of the node that got the newest task; -1: none yet. */
  turn: number
}

/** Oldest first, and always in the same order, whatever the order in which a store lists them. */
export function compareTasks(a: Task, b: Task): number {
  if (a.createdAt !== b.createdAt) return a.createdAt - b.createdAt
  if (a.service !== b.service) return a.service < b.service ? -1 : 1
  return a.slot - b.slot || a.attempt - b.attempt
}

/** Charges the nodes with all that their tasks hold. */
export function chargeFleet(nodes: readonly Node[], alive: readonly Task[]): Fleet {
  const fleet = emptyFleet(nodes.filter((node) => node.status !== 'removed').sort((a, b) => a.id - b.id))
  let newest: Task | null = null
  for (const task of [...alive].sort((a, b) => a.attempt - b.attempt)) {
    const at = task.node === null ? undefined : fleet.positions.get(task.node)
    if (at === undefined) continue
    const placement = task.placement ?? nodeAt(fleet, at).placement
    charge(fleet, at, task, specOn(task.spec, placement).resources, task.hostPorts)
    if (newest === null || compareTasks(newest, task) < 0) {
      newest = task
      fleet.turn = at
    }
  }
  return fleet
}

function emptyFleet(nodes: readonly Node[]): Fleet {
  const share = (capacity: number): number => (capacity > 0 ? 1 / capacity : 0)
  const placements = [...new Set(nodes.map((node) => node.placement))]
  return {
    nodes,
    positions: new Map(nodes.map((node, at) => [node.id, at])),
    placements,
    placement: columnOf(nodes, (node) => placements.indexOf(node.placement)),
    runtimes: columnOf(nodes, openRuntimes),
    freeCpuMillis: columnOf(nodes, ({ capacity }) => capacity.cpuMillis),
    freeMemoryBytes: columnOf(nodes, ({ capacity }) => capacity.memoryBytes),
    freeDiskBytes: columnOf(nodes, ({ capacity }) => capacity.diskBytes),
    poolPortsUsed: columnOf(nodes, () => 0),
    perCpuMilli: columnOf(nodes, ({ capacity }) => share(capacity.cpuMillis)),
    perMemoryByte: columnOf(nodes, ({ capacity }) => share(capacity.memoryBytes)),
    count: columnOf(nodes, () => 0),
    load: columnOf(nodes, () => 0),
    cpuPower: columnOf(nodes, () => 1),
    memoryPower: columnOf(nodes, () => 1),
    countPower: columnOf(nodes, () => 1),
    peers: columnOf(nodes, () => 0),
    peersAt: [],
    changed: [],
    ports: new Map(),
    slots: new Map(),
    turn: -1,
  }
}

function openRuntimes(node: Node): number {
  if (node.status !== 'ready' || node.availability !== 'active') return 0
  return node.runtimes.reduce((sum, { kind, available }) => (available ? sum | RUNTIME_BITS[kind] : sum), 0)
}

/**
 * Books a task on a node. A replacement that waits for its predecessor never runs beside it, so the two together hold
 * the larger of their reservations.
 */
export function charge(
  fleet: Fleet,
  at: number,
  task: Task,
  resources: Resources,
  hostPorts: readonly PortBinding[],
): void {
  const inSlot = slotHolders(fleet, task.service, task.slot)
  const waitsFor = waitsForPredecessor(task.spec) ? inSlot.filter((holder) => holder.at === at) : []
  const beyond = (of: 'cpuMillis' | 'memoryBytes' | 'diskBytes'): number =>
    waitsFor.reduce(
      (least, holder) => Math.min(least, Math.max(0, resources[of] - holder.resources[of])),
      resources[of],
    )
  add(fleet.freeCpuMillis, at, -beyond('cpuMillis'))
  add(fleet.freeMemoryBytes, at, -beyond('memoryBytes'))
  add(fleet.freeDiskBytes, at, -beyond('diskBytes'))
  add(fleet.count, at, 1)
  weigh(fleet, at)
  for (const { host, protocol } of hostPorts) {
    holdersOf(fleet, portKey(host, protocol)).set(at, task.id)
    if (isPoolPort(host)) add(fleet.poolPortsUsed, at, 1)
  }
  inSlot.push({ task: task.id, at, resources })
  fleet.changed.push(at)
}

function weigh(fleet: Fleet, at: number): void {
  const { capacity } = nodeAt(fleet, at)
  const cpuShare = (capacity.cpuMillis - cell(fleet.freeCpuMillis, at)) * cell(fleet.perCpuMilli, at)
  const memoryShare = (capacity.memoryBytes - cell(fleet.freeMemoryBytes, at)) * cell(fleet.perMemoryByte, at)
  fleet.load[at] = cpuShare + memoryShare
  fleet.cpuPower[at] = costPower(cpuShare)
  fleet.memoryPower[at] = costPower(memoryShare)
  fleet.countPower[at] = countPower(cell(fleet.count, at))
}

/** The node at a position of the fleet. */
export function nodeAt(fleet: Fleet, at: number): Node {
  const node = fleet.nodes[at]
  invariant(node !== undefined, `no node at position ${at}`)
  return node
}

/** Who holds a host port, by position of the node. The answer stays true as placements are made. */
export function holdersOf(fleet: Fleet, key: number): PortHolders {
  return entry(fleet.ports, key, () => new Map())
}

/** Who holds a slot, the oldest attempt first. The answer stays true as placements are made. */
export function slotHolders(fleet: Fleet, service: ServiceName, slot: Slot): Holder[] {
  return entry(
    entry(fleet.slots, service, () => new Map()),
    slot,
    () => [],
  )
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
