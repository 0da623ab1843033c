import type { StoreRevision } from '../../core/model/ids.ts'
import type { Layout } from './format.ts'
import { entryName } from './format.ts'
import type { SessionKeeper } from './session-keeper.ts'

/** What the log may keep; a follower that is further behind reads everything anew. */
export interface LogBounds {
  readonly entries: number
  readonly bytes: number
}

/** A follower that slept for a minute at 100 commits a second finds all of them; ZooKeeper keeps it all in memory. */
export const DEFAULT_LOG_BOUNDS: LogBounds = { entries: 8_192, bytes: 32 * 1024 * 1024 }

/** Deletions in one transaction. */
const BATCH = 500

/**
 * Keeps the log within its bounds. It works beside the commits, after every eighth part of the bounds that this process
 * wrote, so that the log is an eighth longer at most for each server that writes. What others wrote counts by number
 * only.
 */
export class LogTrimmer {
  readonly #keeper: SessionKeeper
  readonly #layout: Layout
  readonly #bounds: LogBounds
  /** Newest revisions that were written here, with the bytes of each transaction. */
  #written: { readonly revision: StoreRevision; readonly bytes: number }[] = []
  #entriesSince = 0
  #bytesSince = 0
  #running: Promise<void> = Promise.resolve()

  constructor(keeper: SessionKeeper, layout: Layout, bounds: LogBounds) {
    this.#keeper = keeper
    this.#layout = layout
    this.#bounds = bounds
  }

  /** Tells that a transaction was written, with so many log entries, the last of which has this revision. */
  wrote(revision: StoreRevision, entries: number, bytes: number): void {
    this.#written.push({ revision, bytes })
    this.#entriesSince += entries
    this.#bytesSince += bytes
    if (this.#entriesSince < this.#bounds.entries / 8 && this.#bytesSince < this.#bounds.bytes / 8) return
    this.#entriesSince = 0
    this.#bytesSince = 0
    const last = Math.max(revision - this.#bounds.entries, this.#tooManyBytes())
    this.#running = this.#running.then(() => this.#trim(last))
  }

  /** Resolves when nothing is being deleted any more. */
  idle(): Promise<void> {
    return this.#running
  }

  /** The newest revision that has to go for the rest to be within the bound on bytes. */
  #tooManyBytes(): StoreRevision {
    let bytes = 0
    const cut = this.#written.findLastIndex((group) => {
      bytes += group.bytes
      return bytes > this.#bounds.bytes
    })
    const last = this.#written[cut]?.revision ?? 0
    this.#written = this.#written.slice(cut + 1)
    return last
  }

  async #trim(last: StoreRevision): Promise<void> {
    try {
      const { client } = this.#keeper
      const names = (await client.children(this.#layout.log)) ?? []
      const old = names.filter((name) => name <= entryName(last)).sort()
      for (let i = 0; i < old.length; i += BATCH) {
        const steps = old.slice(i, i + BATCH).map((name) => ({
          kind: 'delete' as const,
          path: `${this.#layout.log}/${name}`,
        }))
        // Another server is about the same work: it will do.
        if ((await client.multi(steps)).kind === 'failed') return
      }
    } catch {
      // What is left over now goes the next time.
    }
  }
}
