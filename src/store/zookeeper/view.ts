import type { Epoch, StoreRevision } from '../../core/model/ids.ts'
import type { Key } from '../../core/model/objects.ts'
import { LEADERSHIP_KEY } from '../../core/model/objects.ts'
import { compareText } from '../../lib/collections.ts'
import type { ChangeBatch, Snapshot, StoreRecord } from '../../ports/store.ts'
import type { Present } from '../judge-commit.ts'

/** The whole state at one revision, in memory; values are shared with all who were told of them. */
export class View implements Present {
  readonly storeId: string
  readonly #records: Map<Key, StoreRecord>
  readonly #kinds: Set<string>
  #revision: StoreRevision
  /** Version of the head's node that goes with the revision. A commit names it, and lands only if it is still so. */
  headVersion: number

  constructor(storeId: string, snapshot: Snapshot, headVersion: number, kinds: readonly string[]) {
    this.storeId = storeId
    this.#revision = snapshot.revision
    this.#records = new Map(snapshot.records.map((record) => [record.key, record]))
    this.headVersion = headVersion
    this.#kinds = new Set(kinds)
  }

  get revision(): StoreRevision {
    return this.#revision
  }

  epoch(): Epoch {
    const leadership = this.#records.get(LEADERSHIP_KEY) as StoreRecord<'leadership'> | undefined
    return leadership?.value.epoch ?? 0
  }

  revisionOf(key: Key): StoreRevision {
    return this.#records.get(key)?.revision ?? 0
  }

  /** Whether there is a node for objects of this kind. */
  hasKind(kind: string): boolean {
    return this.#kinds.has(kind)
  }

  take(batch: ChangeBatch): void {
    this.#revision = batch.revision
    for (const { key, value } of batch.changes) {
      this.#kinds.add(key.slice(0, key.indexOf('/')))
      if (value === null) this.#records.delete(key)
      else this.#records.set(key, { key, value, revision: batch.revision })
    }
  }

  snapshot(): Snapshot {
    const records = [...this.#records.values()].sort((a, b) => compareText(a.key, b.key))
    return { revision: this.#revision, records }
  }
}
