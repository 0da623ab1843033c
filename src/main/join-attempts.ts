import type { Millis } from '../core/model/ids.ts'
import { FailedAttempts } from '../transport/http/failed-attempts.ts'

const WINDOW_MS: Millis = 60_000
/** From all addresses together: whoever has many of them gets no more guesses. */
const FREE_IN_ALL = 60
/** Challenges that wait for their answers: nobody has failed yet, and each costs some milliseconds of this process. */
const MOST_OPEN = 64
const MOST_OPEN_FROM_ONE = 16

/**
 * Counts attempts to join. Of failed ones five in a minute block their address, sixty everybody until a minute is over; of
 * those that wait for an answer few may be open at the same time.
 */
export class JoinAttempts {
  readonly #now: () => Millis
  readonly #byAddress: FailedAttempts
  #recent: readonly Millis[] = []
  readonly #open = new Map<string, number>()

  constructor(now: () => Millis) {
    this.#now = now
    this.#byAddress = new FailedAttempts(now)
  }

  /** How long the address has to wait before its next attempt is looked at; 0: not at all. */
  blockedFor(address: string): Millis {
    const oldest = this.#recent.length < FREE_IN_ALL ? undefined : this.#recent[0]
    const all = oldest === undefined ? 0 : Math.max(0, oldest + WINDOW_MS - this.#now())
    return Math.max(all, this.#byAddress.blockedFor(address))
  }

  record(address: string): void {
    this.#byAddress.record(address)
    this.#recent = [...this.#recent, this.#now()].slice(-FREE_IN_ALL)
  }

  /** Begins an attempt that stays open until what it returns is called; null: too many are open. */
  begin(address: string): (() => void) | null {
    const same = this.#open.get(address) ?? 0
    const all = [...this.#open.values()].reduce((sum, open) => sum + open, 0)
    if (same >= MOST_OPEN_FROM_ONE || all >= MOST_OPEN) return null
    this.#open.set(address, same + 1)
    return () => this.#end(address)
  }

  #end(address: string): void {
    const left = (this.#open.get(address) ?? 1) - 1
    if (left === 0) this.#open.delete(address)
    else this.#open.set(address, left)
  }
}
