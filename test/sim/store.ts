import { OperationalError } from '../../src/core/errors.ts'
import type { StoreRevision } from '../../src/core/model/ids.ts'
import type { ChangeBatch, Commit, CommitOutcome, Lease, Snapshot, Store } from '../../src/ports/store.ts'
import { requireBounded } from '../../src/store/judge-commit.ts'
import type { VirtualClock } from './clock.ts'
import type { Mortal } from './mortal.ts'
import type { StoreBackend } from './store-backend.ts'

/** One server's way to the store: commits take time, their answers get lost, and news comes late. */
export class SimStore implements Store {
  readonly kind = 'simulated'
  readonly #backend: StoreBackend
  readonly #user: Mortal
  readonly #clock: VirtualClock
  #closed = false
  #arrivesAt = 0

  constructor(backend: StoreBackend, user: Mortal, clock: VirtualClock) {
    this.#backend = backend
    this.#user = user
    this.#clock = clock
  }

  load(): Promise<Snapshot> {
    return this.#user.ask(this.#ms(3), () => this.#backend.snapshot(), this.#ms(3))
  }

  async commit(commit: Commit): Promise<CommitOutcome> {
    requireBounded(commit)
    const { faults, rng } = this.#backend
    if (this.#closed) throw new OperationalError('UNAVAILABLE', 'cannot write to the store: it is closed')
    if (faults.hit('store unavailable', rng)) {
      await this.#user.ask(this.#ms(50), () => undefined, 0)
      throw new OperationalError('UNAVAILABLE', 'the store does not answer; nothing was written')
    }
    const slowMs = faults.hit('commit slow', rng) ? this.#ms(1_500) : 0
    // Commits of one server arrive in the order in which they were sent.
    this.#arrivesAt = Math.max(this.#arrivesAt, this.#clock.now() + this.#ms(4) + slowMs)
    const outcome = await this.#user.ask(
      this.#arrivesAt - this.#clock.now(),
      () => this.#backend.commit(commit, this.#user.name),
      this.#ms(4),
    )
    if (outcome.kind === 'unknown') await this.#user.ask(this.#ms(500), () => undefined, 0)
    return outcome
  }

  watch(after: StoreRevision, onBatch: (batch: ChangeBatch) => void, onGap: (whole: Snapshot) => void): () => void {
    let told = after
    let nextAt = 0
    let ended = false
    const later = (ms: number, call: () => void): void => {
      nextAt = Math.max(nextAt, this.#clock.now() + ms)
      this.#clock.callAt(nextAt, () => {
        if (!ended && this.#user.alive) call()
      })
    }
    const tellAll = (): void => {
      const whole = this.#backend.snapshot()
      if (whole.revision <= told) return
      told = whole.revision
      onGap(whole)
    }
    const { faults, rng } = this.#backend
    const unwatch = this.#backend.watch(
      after,
      (batch) => {
        const lateMs = faults.hit('watch late', rng) ? this.#ms(1_500) : 0
        if (faults.hit('watch gap', rng)) return later(lateMs, tellAll)
        later(this.#ms(3) + lateMs, () => {
          if (batch.revision <= told) return
          if (batch.revision > told + 1) return tellAll()
          told = batch.revision
          onBatch(batch)
        })
      },
      () => later(this.#ms(3), tellAll),
    )
    const end = (): void => {
      ended = true
      unwatch()
    }
    this.#user.onDeath(end)
    return end
  }

  async campaign(_holder: string, signal: AbortSignal): Promise<Lease> {
    signal.throwIfAborted()
    return this.#user.await(this.#backend.lease.campaign(this.#user, signal))
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#backend.lease.holder === this.#user) this.#backend.lease.takeAway(true)
  }

  #ms(most: number): number {
    return this.#backend.rng.below(most + 1)
  }
}
