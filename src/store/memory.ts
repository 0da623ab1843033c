import { OperationalError } from '../core/errors.ts'
import type { StoreRevision } from '../core/model/ids.ts'
import type { Key } from '../core/model/objects.ts'
import { LEADERSHIP_KEY } from '../core/model/objects.ts'
import { compareText } from '../lib/collections.ts'
import type { ChangeBatch, Commit, CommitOutcome, Lease, Snapshot, Store, StoreRecord } from '../ports/store.ts'
import { judgeCommit, requireBounded, toBatch, writesNothing } from './judge-commit.ts'
import { LocalLease } from './local-lease.ts'
import { WatchLog } from './watch-log.ts'

/** The reference: the shortest code that keeps the store's contract. Everything is gone with the process. */
export class MemoryStore implements Store {
  readonly kind = 'memory'
  readonly #records = new Map<Key, StoreRecord>()
  readonly #log = new WatchLog()
  readonly #lease = new LocalLease()
  #revision: StoreRevision = 0
  #closed = false

  async load(): Promise<Snapshot> {
    return this.#snapshot()
  }

  async commit(commit: Commit): Promise<CommitOutcome> {
    requireBounded(commit)
    if (this.#closed) throw new OperationalError('UNAVAILABLE', 'cannot write to the store: it is closed')
    const refused = judgeCommit(commit, this)
    if (refused !== null) return refused
    if (!writesNothing(commit)) this.#take(toBatch(commit, this.#revision + 1))
    return { kind: 'committed', revision: this.#revision }
  }

  watch(after: StoreRevision, onBatch: (batch: ChangeBatch) => void, onGap: (whole: Snapshot) => void): () => void {
    if (this.#log.reaches(after, this.#revision)) return this.#log.watch(after, onBatch)
    const whole = this.#snapshot()
    onGap(whole)
    return this.#log.watch(whole.revision, onBatch)
  }

  campaign(_holder: string, signal: AbortSignal): Promise<Lease> {
    return this.#lease.campaign(signal)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#lease.close(new OperationalError('UNAVAILABLE', 'the lease is lost: the store is closed'))
  }

  epoch(): number {
    const leadership = this.#records.get(LEADERSHIP_KEY) as StoreRecord<'leadership'> | undefined
    return leadership?.value.epoch ?? 0
  }

  revisionOf(key: Key): StoreRevision {
    return this.#records.get(key)?.revision ?? 0
  }

  #take(batch: ChangeBatch): void {
    this.#revision = batch.revision
    for (const { key, value } of batch.changes) {
      if (value === null) this.#records.delete(key)
      else this.#records.set(key, { key, value, revision: batch.revision })
    }
    this.#log.append(batch)
  }

  #snapshot(): Snapshot {
    const records = [...this.#records.values()].sort((a, b) => compareText(a.key, b.key))
    return { revision: this.#revision, records }
  }
}
