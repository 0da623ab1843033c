import type { StoreRevision } from '../core/model/ids.ts'
import type { ChangeBatch } from '../ports/store.ts'

/** Batches kept for those who watch from the past. A mirror needs only what came between its load and its watch. */
const KEPT = 1_024

interface Watcher {
  readonly onBatch: (batch: ChangeBatch) => void
  /** Revision of the newest batch it was given. */
  seen: StoreRevision
  /** It is being called now; a commit made inside that call must wait its turn, or order would break. */
  busy: boolean
}

/** Hands the batches of one process to its watchers: in order, each once, without a gap. */
export class WatchLog {
  readonly #watchers = new Set<Watcher>()
  /** The newest batches; their revisions have no holes. */
  #kept: ChangeBatch[] = []

  append(batch: ChangeBatch): void {
    this.#kept.push(batch)
    if (this.#kept.length >= 2 * KEPT) this.#kept = this.#kept.slice(-KEPT)
    for (const watcher of this.#watchers) this.#serve(watcher)
  }

  /** Whether everything after this revision is still here; `now` is the newest revision of the store. */
  reaches(after: StoreRevision, now: StoreRevision): boolean {
    return after >= (this.#kept[0]?.revision ?? now + 1) - 1
  }

  watch(after: StoreRevision, onBatch: (batch: ChangeBatch) => void): () => void {
    const watcher: Watcher = { onBatch, seen: after, busy: false }
    this.#watchers.add(watcher)
    this.#serve(watcher)
    return () => this.#watchers.delete(watcher)
  }

  #serve(watcher: Watcher): void {
    if (watcher.busy) return
    watcher.busy = true
    try {
      while (this.#watchers.has(watcher)) {
        const first = this.#kept[0]?.revision ?? 0
        const batch = this.#kept[watcher.seen + 1 - first]
        if (batch === undefined) return
        watcher.seen = batch.revision
        watcher.onBatch(batch)
      }
    } finally {
      watcher.busy = false
    }
  }
}
