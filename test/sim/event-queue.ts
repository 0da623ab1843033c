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
    this.#heap.push(entry)
    this.#up(this.#heap.length - 1)
    return () => {
      entry.call = null
    }
  }

  /** The next call that was not taken back, removed from the queue; null: there is none before or at `until`. */
  next(until: number): { readonly at: number; readonly call: () => void } | null {
    for (;;) {
      const first = this.#heap[0]
      if (first === undefined || first.at > until) return null
      this.#removeFirst()
      if (first.call !== null) return { at: first.at, call: first.call }
    }
  }

  #removeFirst(): void {
    const last = this.#heap.pop()
    if (last === undefined || this.#heap.length === 0) return
    this.#heap[0] = last
    this.#down(0)
  }

  #up(from: number): void {
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#swapIfBefore(at, parent)) return
      at = parent
    }
  }

  #down(from: number): void {
    let at = from
    for (;;) {
      const left = 2 * at + 1
      const right = left + 1
      const child = this.#isBefore(right, left) ? right : left
      if (!this.#swapIfBefore(child, at)) return
      at = child
    }
  }

  #swapIfBefore(a: number, b: number): boolean {
    if (!this.#isBefore(a, b)) return false
    const [first, second] = [this.#heap[a], this.#heap[b]]
    if (first === undefined || second === undefined) return false
    this.#heap[a] = second
    this.#heap[b] = first
    return true
  }

  #isBefore(a: number, b: number): boolean {
    const [first, second] = [this.#heap[a], this.#heap[b]]
    if (first === undefined || second === undefined) return first !== undefined
    return first.at < second.at || (first.at === second.at && first.order < second.order)
  }
}
