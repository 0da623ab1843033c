import type { Millis, StoreRevision } from '../../core/model/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import { sleep } from '../../ports/clock.ts'
import type { ChangeBatch, Snapshot } from '../../ports/store.ts'
import { WatchLog } from '../watch-log.ts'

const RETRY_PAUSE_MS: Millis = 500

interface Watcher {
  readonly onBatch: (batch: ChangeBatch) => void
  readonly onGap: (whole: Snapshot) => void
  /** How far it knows the state. */
  seen: StoreRevision
  /** Ends what follows the log for it; null: it does not follow yet. */
  end: (() => void) | null
}

/** A watch log whose past can be lost: then its watchers are given the whole state and go on from there. */
export class GapLog {
  readonly #clock: Clock
  readonly #load: () => Promise<Snapshot>
  readonly #watchers = new Set<Watcher>()
  #log = new WatchLog()
  #revision: StoreRevision

  /** `revision` is that of the state now; `load` reads the whole of it. */
  constructor(clock: Clock, revision: StoreRevision, load: () => Promise<Snapshot>) {
    this.#clock = clock
    this.#revision = revision
    this.#load = load
  }

  append(batch: ChangeBatch): void {
    this.#revision = batch.revision
    this.#log.append(batch)
  }

  /** What happened up to this state is not known one by one. */
  restart(whole: Snapshot): void {
    this.#log = new WatchLog()
    this.#revision = whole.revision
    for (const watcher of [...this.#watchers]) {
      watcher.end?.()
      if (whole.revision >= watcher.seen) {
        watcher.seen = whole.revision
        watcher.onGap(whole)
      }
      this.#follow(watcher)
    }
  }

  watch(after: StoreRevision, onBatch: Watcher['onBatch'], onGap: Watcher['onGap']): () => void {
    const watcher: Watcher = { onBatch, onGap, seen: after, end: null }
    this.#watchers.add(watcher)
    if (this.#log.reaches(after, this.#revision)) this.#follow(watcher)
    // Ends with the watcher; what `onGap` throws is a fault of ours and ends the process.
    else void this.#catchUp(watcher)
    return () => {
      this.#watchers.delete(watcher)
      watcher.end?.()
    }
  }

  close(): void {
    for (const watcher of this.#watchers) watcher.end?.()
    this.#watchers.clear()
  }

  #follow(watcher: Watcher): void {
    if (!this.#watchers.has(watcher)) return
    // The log serves it at once, and it may end itself in there.
    watcher.end = () => undefined
    const end = this.#log.watch(watcher.seen, (batch) => {
      if (!this.#watchers.has(watcher)) return
      watcher.seen = batch.revision
      watcher.onBatch(batch)
    })
    if (this.#watchers.has(watcher)) watcher.end = end
    else end()
  }

  async #catchUp(watcher: Watcher): Promise<void> {
    const waits = (): boolean => this.#watchers.has(watcher) && watcher.end === null
    while (waits()) {
      const whole = await this.#load().catch(() => null)
      // It cannot be read now, or is older than what came after it: once more.
      if (whole === null || !this.#log.reaches(whole.revision, this.#revision)) {
        if (waits()) await sleep(this.#clock, RETRY_PAUSE_MS)
      } else if (waits()) {
        watcher.seen = whole.revision
        watcher.onGap(whole)
        this.#follow(watcher)
      }
    }
  }
}
