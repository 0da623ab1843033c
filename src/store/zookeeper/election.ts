import { OperationalError } from '../../core/errors.ts'
import { sleep } from '../../ports/clock.ts'
import type { Lease } from '../../ports/store.ts'
import { drawHex } from '../draw-hex.ts'
import { Candidacy } from './candidacy.ts'
import type { Layout } from './format.ts'
import { HeldLease } from './held-lease.ts'
import type { SessionKeeper } from './session-keeper.ts'

/** Before the queue is entered anew after ZooKeeper could not be asked. */
const RETRY_MS = 200

/** Campaigns for the lease, through as many sessions as it takes. */
export class Election {
  readonly #keeper: SessionKeeper
  readonly #layout: Layout
  readonly #closed = new AbortController()

  constructor(keeper: SessionKeeper, layout: Layout) {
    this.#keeper = keeper
    this.#layout = layout
  }

  /** As `Store.campaign`. */
  async campaign(holder: string, signal: AbortSignal): Promise<Lease> {
    const over = AbortSignal.any([signal, this.#closed.signal])
    for (;;) {
      over.throwIfAborted()
      const { client, clock, rng } = this.#keeper
      const candidacy = new Candidacy(client, this.#layout, drawHex(rng))
      const withdraw = (): Promise<void> => candidacy.withdraw()
      try {
        if (await candidacy.win(holder, over)) return new HeldLease(client.session, this.#closed.signal, withdraw)
        void withdraw()
      } catch (error) {
        void withdraw()
        if (over.aborted || !isPassing(error)) throw error
        await sleep(clock, RETRY_MS)
      }
    }
  }

  /** Takes the lease from whoever holds it here, and ends all campaigns. */
  close(reason: OperationalError): void {
    this.#closed.abort(reason)
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof OperationalError && error.code === 'UNAVAILABLE'
}
