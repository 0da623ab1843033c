import type { Millis } from '../../core/model/ids.ts'

const FREE_ATTEMPTS = 5
const WINDOW_MS = 60_000
const LONGEST_BLOCK_MS = 15 * 60_000
/** Bound on memory: the addresses that failed longest ago are forgotten first. */
const MAX_ADDRESSES = 10_000

interface Failures {
  count: number
  since: Millis
  blockedUntil: Millis
  /** Blocks so far; each is twice as long as the one before. */
  blocks: number
}

/** Counts wrong tokens by address: five in a minute block the address for one minute, then two, ... up to fifteen. */
export class FailedAttempts {
  readonly #now: () => Millis
  readonly #byAddress = new Map<string, Failures>()

  constructor(now: () => Millis) {
    this.#now = now
  }

  /** How long the address has to wait before its next attempt is looked at; 0: not at all. */
  blockedFor(address: string): Millis {
    const failures = this.#byAddress.get(address)
    return failures === undefined ? 0 : Math.max(0, failures.blockedUntil - this.#now())
  }

  record(address: string): void {
    const now = this.#now()
    const failures = this.#byAddress.get(address) ?? { count: 0, since: now, blockedUntil: 0, blocks: 0 }
    if (now - failures.since > WINDOW_MS) {
      failures.count = 0
      failures.since = now
    }
    // A quiet quarter of an hour after the last block is a new beginning.
    if (now - failures.blockedUntil > LONGEST_BLOCK_MS) failures.blocks = 0
    failures.count += 1
    if (failures.count >= FREE_ATTEMPTS) {
      failures.blockedUntil = now + Math.min(WINDOW_MS * 2 ** failures.blocks, LONGEST_BLOCK_MS)
      failures.blocks += 1
      failures.count = 0
    }
    this.#byAddress.delete(address)
    this.#byAddress.set(address, failures)
    const [oldest] = this.#byAddress.keys()
    if (this.#byAddress.size > MAX_ADDRESSES && oldest !== undefined) this.#byAddress.delete(oldest)
  }
}
