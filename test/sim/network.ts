import type { Millis } from '../../src/core/model/ids.ts'
import type { VirtualClock } from './clock.ts'

/** The store as a place on the network. */
export const STORE = 'store'

/** One direction between two machines. */
export interface Way {
  readonly from: string
  readonly to: string
}

/** Something that lies on the network between two machines, and is told when one of its ways is cut or open again. */
export interface Wire {
  readonly ends: readonly [string, string]
  readonly onCut: () => void
  readonly onHeal: () => void
}

/** Which machines hear which: every way is open unless it was cut, each direction by itself. */
export class SimNetwork {
  readonly #clock: VirtualClock
  readonly #cuts = new Map<string, number>()
  /** Since when a way is cut, if it is. */
  readonly #cutSince = new Map<string, Millis>()
  readonly #wires = new Set<Wire>()
  /** Since when a pair of machines hears each other without interruption, if it ever did not. */
  readonly #openSince = new Map<string, Millis>()
  #healed = 0

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  /** Whether what one sends arrives at the other. */
  isOpen(from: string, to: string): boolean {
    return this.#cuts.size === 0 || !this.#cuts.has(`${from}>${to}`)
  }

  /** Whether both hear each other. */
  isWhole(a: string, b: string): boolean {
    return this.#cuts.size === 0 || (this.isOpen(a, b) && this.isOpen(b, a))
  }

  /** For how long both have heard each other by now; 0: they do not. */
  wholeForMs(a: string, b: string): Millis {
    if (!this.isWhole(a, b)) return 0
    return this.#clock.now() - Math.max(this.#openSince.get(`${a}>${b}`) ?? 0, this.#openSince.get(`${b}>${a}`) ?? 0)
  }

  /** For how long at least one of both has not heard the other by now; 0: they hear each other. */
  brokenForMs(a: string, b: string): Millis {
    if (this.isWhole(a, b)) return 0
    const now = this.#clock.now()
    return now - Math.min(this.#cutSince.get(`${a}>${b}`) ?? now, this.#cutSince.get(`${b}>${a}`) ?? now)
  }

  /** Nothing gets through on these ways for so long. */
  cut(ways: readonly Way[], ms: Millis): void {
    const keys = ways.map(({ from, to }) => `${from}>${to}`)
    const healed = this.#healed
    for (const key of keys) {
      this.#cuts.set(key, (this.#cuts.get(key) ?? 0) + 1)
      if (!this.#cutSince.has(key)) this.#cutSince.set(key, this.#clock.now())
    }
    for (const wire of this.#touched(ways)) wire.onCut()
    this.#clock.after(ms, () => {
      if (healed !== this.#healed) return
      for (const key of keys) this.#open(key)
      for (const wire of this.#touched(ways)) wire.onHeal()
    })
  }

  /** Every way is open again. */
  heal(): void {
    this.#healed += 1
    for (const key of this.#cuts.keys()) this.#openSince.set(key, this.#clock.now())
    this.#cuts.clear()
    this.#cutSince.clear()
    for (const wire of [...this.#wires]) wire.onHeal()
  }

  /** Returns a function that takes the wire away. */
  lay(wire: Wire): () => void {
    this.#wires.add(wire)
    return () => this.#wires.delete(wire)
  }

  #open(key: string): void {
    const left = (this.#cuts.get(key) ?? 0) - 1
    if (left > 0) this.#cuts.set(key, left)
    else {
      this.#cuts.delete(key)
      this.#cutSince.delete(key)
      this.#openSince.set(key, this.#clock.now())
    }
  }

  #touched(ways: readonly Way[]): Wire[] {
    return [...this.#wires].filter(({ ends: [a, b] }) =>
      ways.some(({ from, to }) => (from === a && to === b) || (from === b && to === a)),
    )
  }
}

/** Both directions between each of these and each of those. */
export function between(some: readonly string[], others: readonly string[]): Way[] {
  return some.flatMap((a) =>
    others.flatMap((b) =>
      a === b
        ? []
        : [
            { from: a, to: b },
            { from: b, to: a },
          ],
    ),
  )
}
