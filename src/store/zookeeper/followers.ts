import type { StoreRevision } from '../../core/model/ids.ts'
import type { ChangeBatch, Snapshot } from '../../ports/store.ts'
import { WatchLog } from '../watch-log.ts'

interface Follower {
  readonly onBatch: (batch: ChangeBatch) => void
  readonly onGap: (whole: Snapshot) => void
  /** Ends its present following of the log. */
  end: () => void
}

/** Those who watch the store: they get batches, and everything anew where batches were missed. */
export class Followers {
  readonly #all = new Set<Follower>()
  #log = new WatchLog()

  /** Tells what a commit changed; its revision follows the one told before. */
  append(batch: ChangeBatch): void {
    this.#log.append(batch)
  }

  /** Tells everything to everybody: what came in between is not known. */
  replace(whole: Snapshot): void {
    this.#log = new WatchLog()
    for (const follower of [...this.#all]) {
      follower.end()
      this.#begin(follower, whole)
    }
  }

  /** Adds one that has seen everything up to `after`; `now` is the newest revision, and `whole` reads all of it. */
  add(
    after: StoreRevision,
    now: StoreRevision,
    whole: () => Snapshot,
    told: Pick<Follower, 'onBatch' | 'onGap'>,
  ): () => void {
    const follower: Follower = { ...told, end: () => undefined }
    this.#all.add(follower)
    if (this.#log.reaches(after, now)) this.#follow(follower, after)
    else this.#begin(follower, whole())
    return () => {
      this.#all.delete(follower)
      follower.end()
    }
  }

  #begin(follower: Follower, whole: Snapshot): void {
    if (!this.#all.has(follower)) return
    follower.onGap(whole)
    this.#follow(follower, whole.revision)
  }

  #follow(follower: Follower, after: StoreRevision): void {
    // It may end from within its own call, before the log has said how.
    follower.end = this.#log.watch(after, (batch) => {
      if (this.#all.has(follower)) follower.onBatch(batch)
    })
    if (!this.#all.has(follower)) follower.end()
  }
}
