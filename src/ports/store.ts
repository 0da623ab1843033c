import type { EventDraft } from '../core/model/event.ts'
import type { Epoch, StoreRevision } from '../core/model/ids.ts'
import type { Key, ObjectKind, ObjectTypes } from '../core/model/objects.ts'

/** One object as the store holds it. */
export interface StoreRecord<K extends ObjectKind = ObjectKind> {
  readonly key: Key<K>
  readonly value: ObjectTypes[K]
  /** storeRevision of the commit that wrote it last. */
  readonly revision: StoreRevision
}

export type Write =
  | {
      [K in ObjectKind]: { readonly put: Key<K>; readonly value: ObjectTypes[K] }
    }[ObjectKind]
  | { readonly delete: Key }

export interface Commit {
  /**
   * The writer's epoch: refused as `fenced` unless the leadership object carries the same. null: not a leader's write
   * (a user's request, or taking over leadership).
   */
  readonly epoch: Epoch | null
  /** What was read: each object must still have this revision; 0: it must be absent. */
  readonly expect: readonly { readonly key: Key; readonly revision: StoreRevision }[]
  /** At most `MAX_WRITES`. */
  readonly writes: readonly Write[]
  /** Stored as `event/<id>` objects with the same commit; the id sorts in commit order. */
  readonly events: readonly EventDraft[]
}

/** Bound of one commit: what the smallest backend takes in one transaction (etcd: 128 operations), less guard and events. */
export const MAX_WRITES = 100

export type CommitOutcome =
  | { readonly kind: 'committed'; readonly revision: StoreRevision }
  /** Nothing was written; the named objects are not as expected. */
  | { readonly kind: 'conflict'; readonly keys: readonly Key[] }
  /** Nothing was written; another leader reigns. */
  | { readonly kind: 'fenced'; readonly epoch: Epoch }
  /** The answer was lost. It was written whole or not at all; the next read tells. Never resend without reading. */
  | { readonly kind: 'unknown'; readonly cause: unknown }

/** All that one commit changed. value null: deleted. */
export interface ChangeBatch {
  readonly revision: StoreRevision
  readonly changes: readonly { readonly key: Key; readonly value: ObjectTypes[ObjectKind] | null }[]
}

export interface Snapshot {
  readonly revision: StoreRevision
  readonly records: readonly StoreRecord[]
}

/** A lock that chooses who tries to lead. It fences nothing: epochs do. */
export interface Lease {
  /** Aborts when the lease is lost. */
  readonly lost: AbortSignal
  release(): Promise<void>
}

/**
 * Keeps the cluster's state. A commit is seen whole or not at all, in order, by everyone; an acknowledged commit
 * survives the death of the process. `storeRevision` grows by one with each commit that writes something.
 * `commit` never throws for an expected failure of the backend except STORE_FULL and UNAVAILABLE, which both say that
 * nothing was written. Values are shared, not copied: whoever hands one over or gets one never changes it.
 */
export interface Store {
  /** `memory`, `sqlite`, ... */
  readonly kind: string
  /** Everything, at one revision. */
  load(): Promise<Snapshot>
  commit(commit: Commit): Promise<CommitOutcome>
  /**
   * Calls `onBatch` with every batch after `after`, in order, each once, without a gap; it may call before it returns.
   * Where the backend no longer knows what happened in between, it calls `onGap` with everything there is instead, and
   * goes on from there. Returns a function that ends it.
   */
  watch(after: StoreRevision, onBatch: (batch: ChangeBatch) => void, onGap: (whole: Snapshot) => void): () => void
  /** Resolves when the lease is ours; rejects when the signal aborts first. */
  campaign(holder: string, signal: AbortSignal): Promise<Lease>
  close(): Promise<void>
}
