import type { OperationalError } from '../../core/errors.ts'
import type { Epoch, Millis, StoreRevision } from '../../core/model/ids.ts'
import type { Key } from '../../core/model/objects.ts'
import { LEADERSHIP_KEY } from '../../core/model/objects.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ChangeBatch, Snapshot } from '../../ports/store.ts'
import type { Present } from '../judge-commit.ts'
import { GapLog } from './gap-log.ts'
import type { Listing } from './listing.ts'

/** What one transaction of etcd wrote: one commit or more, in order. */
export interface Written {
  /** etcd's revision of it. */
  readonly mod: number
  readonly batches: readonly ChangeBatch[]
  readonly writer: string
  readonly turn: number
}

/**
 * What this process knows of the state: how far it is and which revision each object has, not the objects. A commit is
 * judged by it, and holds only if etcd finds the head where it stands here. It moves with our own transactions and
 * with what the watch brings, whichever comes first, and hands the batches to the store's watchers.
 */
export class Replica implements Present {
  readonly store: string
  /** Names this process in the heads that it writes. */
  readonly writer: string
  readonly log: GapLog
  readonly #clock: Clock
  #mod = 0
  #cursor = 0
  #revision: StoreRevision = 0
  #revisions = new Map<Key, StoreRevision>()
  #epoch: Epoch = 0
  #leadershipMod = 0
  #landed = 0
  #resets = 0
  #waiting: (() => void)[] = []
  #failure: OperationalError | null = null

  constructor(clock: Clock, writer: string, listing: Listing, load: () => Promise<Snapshot>) {
    this.#clock = clock
    this.store = listing.head.store
    this.writer = writer
    this.log = new GapLog(clock, listing.head.revision, load)
    this.#set(listing)
  }

  /** etcd's revision of the head that it knows. */
  get mod(): number {
    return this.#mod
  }

  /** etcd's revision up to which it has seen everything. */
  get cursor(): number {
    return this.#cursor
  }

  get revision(): StoreRevision {
    return this.#revision
  }

  /** etcd's revision of the leadership object; 0: there is none. */
  get leadershipMod(): number {
    return this.#leadershipMod
  }

  /** The newest of our own transactions that was seen to have landed. */
  get landed(): number {
    return this.#landed
  }

  /** How often it lost track of single transactions. */
  get resets(): number {
    return this.#resets
  }

  /** Why nothing can be decided by it now; null: all is well. */
  get failure(): OperationalError | null {
    return this.#failure
  }

  /** Says that it is of no use until it is reset. */
  fail(failure: OperationalError): void {
    this.#failure = failure
    this.#wake()
  }

  epoch(): Epoch {
    return this.#epoch
  }

  revisionOf(key: Key): StoreRevision {
    return this.#revisions.get(key) ?? 0
  }

  /** Takes in the transaction that follows the one it stands at. */
  take({ mod, batches, writer, turn }: Written): void {
    this.#mod = mod
    this.seenUpTo(mod)
    if (writer === this.writer) this.#landed = turn
    for (const batch of batches) this.#apply(batch, mod)
    this.#wake()
    for (const batch of batches) this.log.append(batch)
  }

  /** Everything up to this revision of etcd is known; it need not be sent again. */
  seenUpTo(cursor: number): void {
    this.#cursor = Math.max(this.#cursor, cursor)
  }

  /** Starts anew from the whole state; all is well again. */
  reset(listing: Listing): void {
    this.#resets++
    this.#failure = null
    this.#set(listing)
    this.#wake()
    this.log.restart({ revision: listing.head.revision, records: listing.records })
  }

  /** Resolves when it has moved or failed, or at that time. */
  moved(until: Millis): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.callAt(until, resolve)
      this.#waiting.push(() => {
        cancel()
        resolve()
      })
    })
  }

  #set(listing: Listing): void {
    const { head } = listing
    this.#mod = listing.headMod
    this.#cursor = listing.at
    this.#revision = head.revision
    this.#revisions = new Map(listing.records.map(({ key, revision }) => [key, revision]))
    this.#epoch = listing.epoch
    this.#leadershipMod = listing.leadershipMod
    if (head.writer === this.writer) this.#landed = head.turn
  }

  #apply({ revision, changes }: ChangeBatch, mod: number): void {
    this.#revision = revision
    for (const { key, value } of changes) {
      if (value === null) this.#revisions.delete(key)
      else this.#revisions.set(key, revision)
      if (key !== LEADERSHIP_KEY) continue
      this.#leadershipMod = value === null ? 0 : mod
      this.#epoch = value !== null && 'epoch' in value && typeof value.epoch === 'number' ? value.epoch : 0
    }
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }
}
