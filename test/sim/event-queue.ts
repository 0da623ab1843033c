interface Entry {
  readonly at: number
  readonly order: number
  call: (() => void) | null
}

/** Calls in the order of their times; those of the same time in the order in which they were asked for. */
export class EventQueue {
  readonly #heap: Entry[] = []
  #asked = 0

  /** Returns a function that takes the call back. */
  add(at: number, call: () => void): () => void {
    const entry: Entry = { at, order: this.#asked++, call }
    this.#up(entry)
    return () => {
      entry.call = null
    }
  }

  /** The next call that was not taken back, removed from the queue; null: there is none before or at `until`. */
  next(until: number): { readonly at: number; readonly call: () => void } | null {
    for (;;) {
      const first = this.#heap[0]
      if (first === undefined || first.at > until) return null
      const last = this.#heap.pop()
      if (last !== undefined && last !== first) this.#down(last)
      if (first.call !== null) return { at: first.at, call: first.call }
    }
  }

  /** Finds the place of an entry from the end: those that come after it move down. */
  #up(entry: Entry): void {
    const heap = this.#heap
    let at = heap.length
    while (at > 0) {
      const parent = heap[(at - 1) >> 1]
      if (parent === undefined || isBefore(parent, entry)) break
      heap[at] = parent
      at = (at - 1) >> 1
    }
    heap[at] = entry
  }

  /** Finds the place of an entry from the front, where there is a gap: those that come before it move up. */
  #down(entry: Entry): void {
    const heap = this.#heap
    let at = 0
    for (;;) {
      let side = 2 * at + 1
      let child = heap[side]
      if (child === undefined) break
      const other = heap[side + 1]
      if (other !== undefined && isBefore(other, child)) {
        child = other
        side += 1
      }
      if (isBefore(entry, child)) break
      heap[at] = child
      at = side
    }
    heap[at] = entry
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
