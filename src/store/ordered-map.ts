/** Records by key, listed in the order of their keys. Made for many readers and small changes. */
export class OrderedMap<R extends { readonly key: string }> {
  readonly #byKey = new Map<string, R>()
  readonly #sorted: R[] = []

  get size(): number {
    return this.#sorted.length
  }

  get(key: string): R | null {
    return this.#byKey.get(key) ?? null
  }

  set(record: R): void {
    const at = this.#position(record.key)
    this.#sorted.splice(at, this.#byKey.has(record.key) ? 1 : 0, record)
    this.#byKey.set(record.key, record)
  }

  delete(key: string): void {
    if (this.#byKey.delete(key)) this.#sorted.splice(this.#position(key), 1)
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
