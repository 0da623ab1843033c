import { cell, columnOf } from './column.ts'
import { type Demand, takes } from './demand.ts'
import type { Fleet } from './fleet.ts'
import { type Score, type Strategy, scoreOf } from './strategy.ts'

/** Picks nodes for the tasks of one demand, the best first. */
export interface Chooser {
  /** Position of the best node that can take one more task; another one than `avoided` if there is any. null: none can. */
  readonly best: (avoided: number | null) => number | null
  /** Must be told of every node that was given a task, so that it is weighed anew. */
  readonly placedOn: (at: number) => void
}

/** `expected`: how many tasks are about to be placed; it decides what is worth preparing. */
export function chooserOf(strategy: Strategy, fleet: Fleet, demand: Demand, expected: number): Chooser {
  const score = scoreOf(strategy)
  if (score === null) return takeTurns(fleet, demand)
  return expected < WORTH_A_HEAP ? scanAll(fleet, demand, score) : keepHeap(fleet, demand, score)
}

// Building the heap costs about as much as three scans.
const WORTH_A_HEAP = 4

function takeTurns(fleet: Fleet, demand: Demand): Chooser {
  const size = fleet.nodes.length
  const best = (avoided: number | null): number | null => {
    let lastResort: number | null = null
    for (let step = 1; step <= size; step++) {
      const at = (fleet.turn + step) % size
      if (takes(fleet, at, demand, null) === null) continue
      if (at !== avoided) return at
      lastResort = at
    }
    return lastResort
  }
  return { best, placedOn: () => undefined }
}

function scanAll(fleet: Fleet, demand: Demand, score: Score): Chooser {
  const best = (avoided: number | null): number | null => {
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
  return { best, placedOn: () => undefined }
}

/** Keeps the nodes in a heap: within one demand a placement changes one node only, so the next best costs log n. */
function keepHeap(fleet: Fleet, demand: Demand, score: Score): Chooser {
  const scan = scanAll(fleet, demand, score)
  const scores = columnOf(fleet.nodes, () => 0)
  const isBetter = (a: number, b: number): boolean => {
    const difference = cell(scores, a) - cell(scores, b)
    return difference === 0 ? a < b : difference < 0
  }
  const fitsScored = (at: number): boolean => {
    const need = takes(fleet, at, demand, null)
    if (need !== null) scores[at] = score(fleet, at, need)
    return need !== null
  }
  let heap: number[] | null = null
  const build = (): number[] => {
    const fitting = [...fleet.nodes.keys()].filter(fitsScored)
    for (let from = (fitting.length >> 1) - 1; from >= 0; from--) siftDown(fitting, from, isBetter)
    return fitting
  }
  return {
    best: (avoided) => {
      if (avoided !== null) return scan.best(avoided)
      heap ??= build()
      return heap[0] ?? null
    },
    placedOn: (at) => {
      if (heap === null) return
      if (heap[0] !== at) {
        heap = null
        return
      }
      if (!fitsScored(at)) {
        const last = heap.pop()
        if (last !== undefined && last !== at) heap[0] = last
      }
      siftDown(heap, 0, isBetter)
    },
  }
}

function siftDown(heap: number[], from: number, isBetter: (a: number, b: number) => boolean): void {
  const moving = heap[from]
  if (moving === undefined) return
  let hole = from
  for (;;) {
    const left = heap[2 * hole + 1]
    if (left === undefined) break
    const right = heap[2 * hole + 2]
    const [child, place] = right !== undefined && isBetter(right, left) ? [right, 2 * hole + 2] : [left, 2 * hole + 1]
    if (!isBetter(child, moving)) break
    heap[hole] = child
    hole = place
  }
  heap[hole] = moving
}
