import type { Millis } from '../core/model/ids.ts'
import { FailedAttempts } from '../transport/http/failed-attempts.ts'

const WINDOW_MS: Millis = 60_000
/** From all addresses together: whoever has many of them gets no more guesses. */
const FREE_IN_ALL = 60

/** Counts failed attempts to join: five in a minute block their address, sixty everybody until a minute is over. */
export class JoinAttempts {
  readonly #now: () => Millis
  readonly #byAddress: FailedAttempts
  #recent: readonly Millis[] = []

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
}
