import type { StoreRevision } from '../../core/model/ids.ts'
import type { Key } from '../../core/model/objects.ts'
import { LEADERSHIP_KEY } from '../../core/model/objects.ts'
import type { HeldState } from '../../core/replica/take-over.ts'
import type { Tenure } from '../../core/replica/tenure.ts'
import { compareText } from '../../lib/collections.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ChangeBatch, Snapshot, Store, StoreRecord } from '../../ports/store.ts'
import { GapLog } from '../etcd/gap-log.ts'
import type { Present } from '../judge-commit.ts'

/** One server's copy of the state, and those who watch it. */
export class Replica implements Present {
  #records = new Map<Key, StoreRecord>()
  #tenures: readonly Tenure[] = []
  #revision: StoreRevision = 0
  readonly #log: GapLog

  constructor(clock: Clock) {
    this.#log = new GapLog(clock, 0, async () => this.snapshot())
  }

  get revision(): StoreRevision {
    return this.#revision
  }

  /** Whether it is a state at all. */
  get isThere(): boolean {
    return this.#tenures.length > 0
  }

  snapshot(): Snapshot {
    const records = [...this.#records.values()].sort((a, b) => compareText(a.key, b.key))
    return { revision: this.#revision, records }
  }

  state(): HeldState {
    return { tenures: this.#tenures, ...this.snapshot() }
  }

  /** Goes on from a whole state, whatever was here. */
  adopt({ tenures, revision, records }: HeldState): void {
    this.#tenures = tenures
    this.#revision = revision
    this.#records = new Map(records.map((record) => [record.key, record]))
    this.#log.restart(this.snapshot())
  }

  /** False, and nothing is changed, for what does not follow on what is here. */
  take(batch: ChangeBatch): boolean {
    if (batch.revision !== this.#revision + 1) return false
    this.#revision = batch.revision
    for (const { key, value } of batch.changes) {
      if (value === null) this.#records.delete(key)
      else this.#records.set(key, { key, value, revision: batch.revision })
    }
    this.#log.append(batch)
    return true
  }

  watch(...of: Parameters<Store['watch']>): () => void {
    return this.#log.watch(...of)
  }

  close(): void {
    this.#log.close()
  }

  epoch(): number {
    const leadership = this.#records.get(LEADERSHIP_KEY) as StoreRecord<'leadership'> | undefined
    return leadership?.value.epoch ?? 0
  }

  revisionOf(key: Key): StoreRevision {
    return this.#records.get(key)?.revision ?? 0
  }
}
