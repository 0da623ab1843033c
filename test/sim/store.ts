import { OperationalError } from '../../src/core/errors.ts'
import type { StoreRevision } from '../../src/core/model/ids.ts'
import type { Node } from '../../src/core/model/node.ts'
import type { ChangeBatch, Commit, CommitOutcome, Lease, Snapshot, Store } from '../../src/ports/store.ts'
import { requireBounded } from '../../src/store/judge-commit.ts'
import type { VirtualClock } from './clock.ts'
import type { Mortal } from './mortal.ts'
import { type SimNetwork, STORE } from './network.ts'
import type { StoreBackend } from './store-backend.ts'

/** Until a lease that its holder does not renew is given to somebody else. */
const LEASE_MS = 3_000
/** What a call to a store that does not answer takes. */
const SILENT_MS = 2_000

/** One server's way to the store: commits take time, their answers get lost, and news comes late. */
export class SimStore implements Store {
  readonly kind = 'simulated'
  readonly #backend: StoreBackend
  readonly #user: Mortal
  readonly #clock: VirtualClock
  readonly #machine: string
  readonly #network: SimNetwork
  #closed = false
  #arrivesAt = 0
  #silences = 0

  /** `machine`: where the server runs. */
  constructor(backend: StoreBackend, user: Mortal, clock: VirtualClock, machine: string, network: SimNetwork) {
    this.#backend = backend
    this.#user = user
    this.#clock = clock
    this.#machine = machine
    this.#network = network
    const takeWire = network.lay({
      ends: [machine, STORE],
      onCut: () => this.fallSilent(),
      onHeal: () => {
        this.#silences += 1
        this.#backend.lease.offer()
      },
    })
    user.onDeath(takeWire)
  }

  /** The lease is not renewed any more. Whoever still holds it then hears of that late, or only from the next epoch. */
  fallSilent(): void {
    const { lease, rng, faults } = this.#backend
    this.#silences += 1
    const silence = this.#silences
    this.#clock.after(LEASE_MS, () => {
      const isBack = silence !== this.#silences && !this.#user.isPaused
      if (isBack || lease.holder !== this.#user) return
      const tell = lease.takeQuietly()
      // An honest client looks at its own clock; one that stood still does so when it goes on.
      const late = faults.hit('lease loss unnoticed', rng) ? rng.below(20_000) : rng.below(200)
      this.#clock.after(late, tell)
    })
  }

  async load(): Promise<Snapshot> {
    const whole = await this.#user.ask(
      this.#ms(3),
      () => (this.#network.isWhole(this.#machine, STORE) ? this.#backend.snapshot() : null),
      this.#ms(3),
    )
    if (whole !== null) return whole
    await this.#user.ask(SILENT_MS, () => undefined, 0)
    throw new OperationalError('UNAVAILABLE', 'the store does not answer')
  }

  async commit(commit: Commit): Promise<CommitOutcome> {
    requireBounded(commit)
    const { faults, rng } = this.#backend
    if (this.#closed) throw new OperationalError('UNAVAILABLE', 'cannot write to the store: it is closed')
    if (faults.hit('store unavailable', rng)) {
      await this.#user.ask(this.#ms(50), () => undefined, 0)
      throw new OperationalError('UNAVAILABLE', 'the store does not answer; nothing was written')
    }
    const slowMs = this.#slowMs(commit)
    // Commits of one server arrive in the order in which they were sent.
    this.#arrivesAt = Math.max(this.#arrivesAt, this.#clock.now() + this.#ms(4) + slowMs)
    const outcome = await this.#user.ask(this.#arrivesAt - this.#clock.now(), () => this.#send(commit), this.#ms(4))
    if (outcome === null) throw new OperationalError('STORE_FULL', 'the store has no room; nothing was written')
    if (outcome.kind === 'unknown') await this.#user.ask(this.#ms(500), () => undefined, 0)
    return outcome
  }

  /** What says that a node is away takes its time now and then: it may be back before that is written. */
  #slowMs({ writes }: Commit): number {
    const { faults, rng } = this.#backend
    const slowMs = faults.hit('commit slow', rng) ? this.#ms(1_500) : 0
    const isOfAbsence = writes.some(
      (write) => 'put' in write && write.put.startsWith('node/') && (write.value as Node).status === 'unreachable',
    )
    return slowMs + (isOfAbsence && faults.hit('absence noted late', rng) ? this.#ms(3_000) : 0)
  }

  /** What becomes of a commit that arrives now, and of the answer. null: the store has no room. */
  async #send(commit: Commit): Promise<CommitOutcome | null> {
    if (!this.#network.isOpen(this.#machine, STORE)) return { kind: 'unknown', cause: 'the store was not reached' }
    if (this.#backend.isFull && commit.writes.length > 0) {
      this.#backend.faults.count('store full')
      return null
    }
    const outcome = await this.#backend.commit(commit, this.#user.name)
    return this.#network.isOpen(STORE, this.#machine) ? outcome : { kind: 'unknown', cause: 'the store did not answer' }
  }

  watch(after: StoreRevision, onBatch: (batch: ChangeBatch) => void, onGap: (whole: Snapshot) => void): () => void {
    let told = after
    let nextAt = 0
    let ended = false
    const later = (ms: number, call: () => void): void => {
      nextAt = Math.max(nextAt, this.#clock.now() + ms)
      this.#clock.callAt(nextAt, () => arrive(call))
    }
    const held: (() => void)[] = []
    const isLate = (): boolean =>
      !this.#network.isOpen(STORE, this.#machine) || this.#backend.lagging.has(this.#user.name)
    // News of one server keep their order, however long they wait.
    const arrive = (call: () => void): void => {
      if (ended) return
      if (held.length > 0 || isLate()) held.push(call)
      else this.#user.whenAwake(() => !ended && call())
      if (held.length === 1) lookAgain()
    }
    const lookAgain = (): void => {
      this.#clock.after(100, () => {
        if (ended || held.length === 0) return
        if (isLate()) return lookAgain()
        for (const call of held.splice(0)) this.#user.whenAwake(() => !ended && call())
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
    const isHeard = (): boolean => this.#network.isWhole(this.#machine, STORE) && !this.#user.isPaused
    return this.#user.await(this.#backend.lease.campaign(this.#user, signal, isHeard))
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#backend.lease.holder === this.#user) this.#backend.lease.takeAway(true)
  }

  #ms(most: number): number {
    return this.#backend.rng.below(most + 1)
  }
}
