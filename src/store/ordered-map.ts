/** Records in the order of their keys, one of each. Made for many readers and small changes. */
export class OrderedMap<R extends { readonly key: string }> {
  readonly #sorted: R[] = []

  get size(): number {
    return this.#sorted.length
  }

  set(record: R): void {
    const at = this.#position(record.key)
    if (this.#sorted[at]?.key === record.key) this.#sorted[at] = record
    else this.#sorted.splice(at, 0, record)
  }

  delete(key: string): void {
    const at = this.#position(key)
    if (this.#sorted[at]?.key === key) this.#sorted.splice(at, 1)
  }

  /** A list of its own, so that whoever reads it may wait in between. */
  list(): readonly R[] {
    return this.#sorted.slice()
  }

  listPrefix(prefix: string): readonly R[] {
    const from = this.#position(prefix)
    let to = from
    while (this.#sorted[to]?.key.startsWith(prefix)) to++
    return this.#sorted.slice(from, to)
  }

  /** Index of the first record whose key is not below the given one. */
  #position(key: string): number {
    const last = this.#sorted.at(-1)
    // Keys mostly grow (events, snapshots), so the end is tried first.
    if (last === undefined || last.key < key) return this.#sorted.length
    let low = 0
    let high = this.#sorted.length - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#sorted[middle]?.key ?? '') < key) low = middle + 1
      else high = middle
    }
    return low
  }
}
