import { cell, columnOf } from './column.ts'
import { type Demand, takes } from './demand.ts'
import type { Fleet } from './fleet.ts'
import { type Heap, heapOf } from './heap.ts'
import { loadOf, type Score, type Strategy, scoreOf } from './strategy.ts'

/**
 * The position of the best node that can take one more task of a demand; another one than `avoided` if there is any.
 * null: none can.
 */
export type Chooser = (avoided: number | null) => number | null

/** How many tasks are to be placed; it decides what is worth preparing. */
export interface Expected {
  /** Tasks of that very demand. */
  readonly alike: number
  /** Tasks of any service that need the same of a node. */
  readonly sameShape: number
}

/** Keeps queues of nodes for the shapes of demand that were seen last: services often need the same. */
export type Choosers = (demand: Demand, expected: Expected) => Chooser

/** Makes choosers that all work on one fleet. */
export function choosersFor(strategy: Strategy, fleet: Fleet): Choosers {
  const score = scoreOf(strategy)
  if (score === null) return (demand) => (avoided) => nextInTurn(fleet, demand, avoided)
  const queues = new Map<string, Queue>()
  const sharedQueue = (demand: Demand): Queue => {
    // Peers differ from service to service; everything else that counts is the same for all of a shape.
    const queue = queues.get(demand.shape) ?? queueOf(fleet, strategy === 'spread' ? loadOf : score)
    queues.delete(demand.shape)
    queues.set(demand.shape, queue)
    for (const oldest of [...queues.keys()].slice(0, queues.size - MOST_QUEUES)) queues.delete(oldest)
    return queue
  }

  return (demand, { alike, sameShape }) => {
    const scan: Chooser = (avoided) => bestOfAll(fleet, demand, score, avoided)
    if (sameShape < WORTH_A_QUEUE) return scan
    const hasOwn = strategy === 'spread' && alike >= WORTH_A_QUEUE
    const queue = hasOwn ? queueOf(fleet, score) : sharedQueue(demand)
    const mustBeNew = strategy === 'spread' && !hasOwn
    return (avoided) => {
      if (mustBeNew && fleet.peersAt.length > MANY_PEERS) return scan(avoided)
      const passes = (at: number): boolean => at === avoided || (mustBeNew && cell(fleet.peers, at) > 0)
      // Nodes that were passed are the second choice, and which of them is up to their peers.
      return queue(demand, passes) ?? scan(avoided)
    }
  }
}

// Building a queue costs about as much as three scans.
const WORTH_A_QUEUE = 4
/** Passing more nodes than this takes longer than a scan. */
const MANY_PEERS = 64
/** One changed node costs as much as this many in a new queue. */
const REBUILD_SHARE = 8
/** A queue takes some hundred bytes a node. */
const MOST_QUEUES = 32

function nextInTurn(fleet: Fleet, demand: Demand, avoided: number | null): number | null {
  const size = fleet.nodes.length
  let lastResort: number | null = null
  for (let step = 1; step <= size; step++) {
    const at = (fleet.turn + step) % size
    if (takes(fleet, at, demand, null) === null) continue
    if (at !== avoided) return at
    lastResort = at
  }
  return lastResort
}

function bestOfAll(fleet: Fleet, demand: Demand, score: Score, avoided: number | null): number | null {
  let winner: number | null = null
  let lowest = Number.POSITIVE_INFINITY
  for (let at = 0; at < fleet.nodes.length; at++) {
    const need = takes(fleet, at, demand, null)
    if (need === null) continue
    const its = at === avoided ? Number.MAX_VALUE : score(fleet, at, need)
    if (its < lowest) {
      lowest = its
      winner = at
    }
  }
  return winner
}

/** The best node of a shape that is not passed; null: there is none. */
type Queue = (demand: Demand, passes: (at: number) => boolean) => number | null

/** Keeps the nodes that fit in a heap. A placement changes one node only, so the next best costs log n. */
function queueOf(fleet: Fleet, score: Score): Queue {
  const scores = columnOf(fleet.nodes, () => 0)
  let heap: Heap | null = null
  let seen = 0
  const fits = (at: number, demand: Demand): boolean => {
    const need = takes(fleet, at, demand, null)
    if (need !== null) scores[at] = score(fleet, at, need)
    return need !== null
  }
  const upToDate = (demand: Demand): Heap => {
    if (heap === null || (fleet.changed.length - seen) * REBUILD_SHARE > fleet.nodes.length) {
      heap = heapOf(
        [...fleet.nodes.keys()].filter((at) => fits(at, demand)),
        scores,
      )
    } else {
      for (const at of fleet.changed.slice(seen)) {
        if (fits(at, demand)) heap.put(at)
        else heap.remove(at)
      }
    }
    seen = fleet.changed.length
    return heap
  }
  return (demand, passes) => {
    const current = upToDate(demand)
    const passed: number[] = []
    let best = current.top()
    while (best !== null && passes(best)) {
      passed.push(best)
      current.remove(best)
      best = current.top()
    }
    for (const at of passed) current.put(at)
    return best
  }
}
