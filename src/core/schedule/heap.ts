import { type Column, cell } from './column.ts'

/** Positions of nodes, the one with the lowest score first and the lowest position among equals. */
export interface Heap {
  /** The best position; null: the heap is empty. */
  readonly top: () => number | null
  /** Puts a position where its score belongs, whether it was in the heap or not. */
  readonly put: (at: number) => void
  readonly remove: (at: number) => void
}

/** Builds a heap of these positions. Whoever changes a score afterwards puts its position anew. */
export function heapOf(positions: readonly number[], scores: Column): Heap {
  const heap: number[] = []
  /** Where in the heap each position lies; -1: it is not there. */
  const places = new Float64Array(scores.length).fill(-1)
  const isBetter = (a: number, b: number): boolean => {
    const difference = cell(scores, a) - cell(scores, b)
    return difference === 0 ? a < b : difference < 0
  }

  const set = (place: number, at: number): void => {
    heap[place] = at
    places[at] = place
  }
  /** Moves worse positions down to make room above; returns where the room is. */
  const rise = (from: number, at: number): number => {
    let place = from
    while (place > 0) {
      const above = (place - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || !isBetter(at, parent)) break
      set(place, parent)
      place = above
    }
    return place
  }
  const sink = (from: number, at: number): number => {
    let place = from
    for (;;) {
      const left = heap[2 * place + 1]
      if (left === undefined) return place
      const right = heap[2 * place + 2]
      const useRight = right !== undefined && isBetter(right, left)
      const child = useRight ? right : left
      if (!isBetter(child, at)) return place
      set(place, child)
      place = 2 * place + (useRight ? 2 : 1)
    }
  }
  const settle = (place: number, at: number): void => set(sink(rise(place, at), at), at)

  for (const at of positions) settle(heap.length, at)
  return {
    top: () => heap[0] ?? null,
    put: (at) => settle(cell(places, at) < 0 ? heap.length : cell(places, at), at),
    remove: (at) => {
      const place = cell(places, at)
      if (place < 0) return
      places[at] = -1
      const last = heap.pop()
      if (last !== undefined && last !== at) settle(place, last)
    },
  }
}
