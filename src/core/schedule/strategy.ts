import { unreachable } from '../../lib/assert.ts'
import { cell } from './column.ts'
import type { Fleet } from './fleet.ts'
import type { Need } from './need.ts'

export const STRATEGIES = ['round-robin', 'spread', 'bin-pack', 'least-loaded', 'epvm'] as const
/**
 * How the scheduler chooses among the nodes that can take a task.
 *
 * - round-robin: each task goes to the next node in the order of their ids.
 * - spread: the node with the fewest tasks of the same service, then the least loaded one.
 * - bin-pack: the fullest node, so that others stay empty.
 * - least-loaded: the node with the smallest share of its CPU and memory set aside.
 * - epvm: the node where the cost grows least; cost grows exponentially with load, so full nodes are avoided early.
 */
export type Strategy = (typeof STRATEGIES)[number]

/** How bad the node at a position is for a task; the lowest wins, and the lowest node id among equals. */
export type Score = (fleet: Fleet, at: number, need: Need) => number

/** The score of a strategy; null for round-robin, which does not weigh nodes. */
export function scoreOf(strategy: Strategy): Score | null {
  switch (strategy) {
    case 'round-robin':
      return null
    case 'spread':
      return (fleet, at) => cell(fleet.peers, at) * WEIGHT_OF_A_PEER + loadOf(fleet, at)
    case 'bin-pack':
      return (fleet, at) => -loadOf(fleet, at)
    case 'least-loaded':
      return loadOf
    case 'epvm':
      return marginalCost
    default:
      return unreachable(strategy)
  }
}

// Tasks that reserve nothing must still be told apart from no task, but never outweigh a reservation that anyone notices.
const WEIGHT_OF_A_TASK = 1e-6
// Load is CPU share + memory share, so it stays far below this: a peer always outweighs it.
const WEIGHT_OF_A_PEER = 1_000

/** Least-loaded's score. */
export function loadOf(fleet: Fleet, at: number): number {
  return cell(fleet.load, at) + cell(fleet.count, at) * WEIGHT_OF_A_TASK
}

/** Lieb's square ice constant, (4/3)^(3/2): the base for which the cost function of E-PVM is proven competitive. */
const LIEB = (4 / 3) ** 1.5
const LN_LIEB = Math.log(LIEB)
/** As many tasks as one node is expected to carry. */
const FULL_COUNT = 50
const GROWTH_BY_ONE_TASK = LIEB ** (1 / FULL_COUNT) - 1

/** What a node costs with this share of a resource set aside. */
export function costPower(share: number): number {
  return LIEB ** share
}

/** What a node costs with so many tasks. */
export function countPower(count: number): number {
  return LIEB ** (count / FULL_COUNT)
}

function marginalCost(fleet: Fleet, at: number, need: Need): number {
  return (
    cell(fleet.cpuPower, at) * growth(need.cpuMillis * cell(fleet.perCpuMilli, at)) +
    cell(fleet.memoryPower, at) * growth(need.memoryBytes * cell(fleet.perMemoryByte, at)) +
    cell(fleet.countPower, at) * GROWTH_BY_ONE_TASK
  )
}

/** LIEB^share − 1 for a share of 0 to 1, to five digits: a power for every node would make a decision ten times as slow. */
export function growth(share: number): number {
  const y = share * LN_LIEB
  return y * (1 + (y / 2) * (1 + (y / 3) * (1 + (y / 4) * (1 + y / 5))))
}
