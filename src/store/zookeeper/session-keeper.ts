import type { OperationalError } from '../../core/errors.ts'
import type { Rng } from '../../lib/rng.ts'
import type { Clock } from '../../ports/clock.ts'
import { Client } from './client.ts'
import { unreachable } from './failures.ts'
import type { Access } from './protocol.ts'
import type { SessionOptions } from './session.ts'
import { Session } from './session.ts'

/** Keeps a session: when one is over, the next question begins another. */
export class SessionKeeper {
  /** Time and chance for all who work in the session. */
  readonly clock: Clock
  readonly rng: Rng
  readonly #options: SessionOptions
  readonly #access: Access
  #client: Client | null = null
  #closed: OperationalError | null = null

  constructor(options: SessionOptions) {
    this.clock = options.clock
    this.rng = options.rng
    this.#options = options
    this.#access = options.digest === null ? 'anyone' : 'creator'
  }

  /** The present session; another one when that is over. Throws UNAVAILABLE after `close`. */
  get client(): Client {
    if (this.#closed !== null) throw this.#closed
    if (this.#client === null || this.#client.session.ended.aborted) {
      this.#client = new Client(Session.begin(this.#options), this.#access)
    }
    return this.#client
  }

  /** Ends the session, at the server too if it can be reached. */
  async close(): Promise<void> {
    this.#closed ??= unreachable('the store is closed')
    await this.#client?.session.close(this.#closed)
  }
}
