import { setTimeout as pause } from 'node:timers/promises'
import { OperationalError } from '../../core/errors.ts'
import type { Target } from './send.ts'

/** The servers of one cluster, any of which may be asked. */
export interface Servers {
  readonly targets: readonly [Target, ...Target[]]
  /** How often all of them are tried again when none could be reached. */
  readonly retries: number
}

/** Pauses between rounds: enough for a change of leader, and no storm. */
const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 2_000

/** Goes through servers, beginning with the one that answered last. */
export class ServerRounds {
  readonly #servers: Servers
  #last = 0

  constructor(servers: Servers) {
    this.#servers = servers
  }

  /** The one that answered last. */
  get target(): Target {
    const { targets } = this.#servers
    return targets[this.#last] ?? targets[0]
  }

  /** Each server once a round, and after a pause all again, up to as many rounds as were asked for. Stop when one answers. */
  async *tries(): AsyncGenerator<Target> {
    const { targets, retries } = this.#servers
    for (let round = 0; round <= retries; round++) {
      if (round > 0) await pause(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (round - 1)))
      const first = this.#last
      for (let i = 0; i < targets.length; i++) {
        this.#last = (first + i) % targets.length
        yield this.target
      }
      this.#last = first
    }
  }

  /** Opens something at the first server that can be reached. Throws the last failure when none can. */
  async each<T>(open: (target: Target) => Promise<T>): Promise<T> {
    let failure: unknown = null
    for await (const target of this.tries()) {
      try {
        return await open(target)
      } catch (error) {
        if (!isUnreached(error)) throw error
        failure = error
      }
    }
    throw failure
  }
}

function isUnreached(error: unknown): boolean {
  return error instanceof OperationalError && (error.code === 'UNAVAILABLE' || error.traits.retry === 'elsewhere')
}
