import { setImmediate } from 'node:timers'
import { OperationalError } from '../core/errors.ts'
import type { StoreRevision } from '../core/model/ids.ts'
import { unreachable } from '../lib/assert.ts'
import type { ChangeBatch, Commit, CommitOutcome, Lease, Snapshot, Store } from '../ports/store.ts'
import { requireBounded } from './judge-commit.ts'
import { LocalLease } from './local-lease.ts'
import { SqliteFile } from './sqlite-file.ts'
import { corrupt } from './sqlite-format.ts'
import type { Group, GroupResult, PreparedCommit } from './sqlite-group.ts'
import { prepareCommit, writeGroup } from './sqlite-group.ts'
import { WatchLog } from './watch-log.ts'

/** Bounds one transaction, and with it the pause of the event loop that it costs. */
const MAX_GROUP = 256

interface Waiting {
  readonly prepared: PreparedCommit
  readonly resolve: (outcome: CommitOutcome) => void
  readonly reject: (reason: unknown) => void
}

/**
 * Keeps the state in one SQLite file that this process has for itself.
 *
 * Commits that arrive in the same turn of the event loop are written in one transaction and acknowledged when it is on
 * disk: one flush for all is what makes many writers fast. SQLite is called on the event loop; a transaction is bounded,
 * and so is the pause. When a COMMIT fails for another reason than a full disk, nobody can tell whether it landed: the
 * file is opened anew and tells; until that works, outcomes are `unknown` and further commits UNAVAILABLE.
 */
export class SqliteStore implements Store {
  readonly kind = 'sqlite'
  readonly #path: string
  readonly #log = new WatchLog()
  readonly #lease = new LocalLease()
  #file: SqliteFile | null
  #revision: StoreRevision
  #queue: Waiting[] = []
  #flushing = false
  /** Written perhaps; settled when the file is open again. */
  #doubt: Group | null = null
  #closed = false

  private constructor(path: string, file: SqliteFile) {
    this.#path = path
    this.#file = file
    this.#revision = file.revision
  }

  /**
   * Opens the state file, or makes it when there is none. Throws STORE_CORRUPT for a file that is damaged, foreign or
   * newer, and PREREQUISITE when another process has it; neither changes a byte.
   */
  static async open(path: string): Promise<SqliteStore> {
    return new SqliteStore(path, SqliteFile.open(path))
  }

  async load(): Promise<Snapshot> {
    return this.#opened().read()
  }

  async commit(commit: Commit): Promise<CommitOutcome> {
    requireBounded(commit)
    if (this.#closed) throw closed()
    const prepared = prepareCommit(commit)
    return new Promise((resolve, reject) => {
      this.#queue.push({ prepared, resolve, reject })
      this.#flushSoon()
    })
  }

  watch(after: StoreRevision, onBatch: (batch: ChangeBatch) => void, onGap: (whole: Snapshot) => void): () => void {
    if (this.#log.reaches(after, this.#revision)) return this.#log.watch(after, onBatch)
    const whole = this.#opened().read()
    onGap(whole)
    return this.#log.watch(whole.revision, onBatch)
  }

  campaign(_holder: string, signal: AbortSignal): Promise<Lease> {
    return this.#lease.campaign(signal)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    while (this.#queue.length > 0) this.#flush()
    this.#file?.close()
    this.#file = null
    this.#doubt = null
    this.#lease.close(new OperationalError('UNAVAILABLE', 'the lease is lost: the store is closed'))
  }

  #flushSoon(): void {
    if (this.#flushing) return
    this.#flushing = true
    // After the input of this turn, and so after all who commit because of it.
    setImmediate(() => {
      this.#flushing = false
      this.#flush()
      if (this.#queue.length > 0) this.#flushSoon()
    })
  }

  #flush(): void {
    const waiting = this.#queue.slice(0, MAX_GROUP)
    this.#queue = this.#queue.slice(MAX_GROUP)
    if (waiting.length === 0) return
    let result: GroupResult
    try {
      const file = this.#opened()
      const prepared = waiting.map((entry) => entry.prepared)
      result = writeGroup(file, prepared, this.#revision)
    } catch (error) {
      rejectAll(waiting, error)
      return
    }
    switch (result.kind) {
      case 'written':
        this.#acknowledge(waiting, result.group)
        break
      case 'refused':
        rejectAll(waiting, result.error)
        break
      case 'doubtful':
        this.#settle(waiting, result.group, result.cause)
        break
      default:
        unreachable(result)
    }
  }

  /** Answers before it tells the watchers; those who wait go on after both, as promises do. */
  #acknowledge(waiting: readonly Waiting[], group: Group): void {
    group.outcomes.forEach((outcome, index) => {
      waiting[index]?.resolve(outcome)
    })
    this.#tell(group)
  }

  #tell(group: Group): void {
    this.#revision = group.revision
    for (const batch of group.batches) this.#log.append(batch)
  }

  #settle(waiting: readonly Waiting[], group: Group, cause: unknown): void {
    this.#doubt = group
    let landed: boolean
    try {
      landed = this.#reopen(group)
    } catch (error) {
      for (const { resolve } of waiting) resolve({ kind: 'unknown', cause: error })
      return
    }
    if (landed) this.#acknowledge(waiting, group)
    else rejectAll(waiting, diskFailed(cause))
  }

  #opened(): SqliteFile {
    const doubt = this.#doubt
    if (doubt !== null && this.#reopen(doubt)) this.#tell(doubt)
    if (this.#file === null) throw closed()
    return this.#file
  }

  /** Finds out whether the doubtful transaction landed; throws UNAVAILABLE while that cannot be known. */
  #reopen(doubt: Group): boolean {
    try {
      this.#file?.close()
      this.#file = null
      const file = SqliteFile.open(this.#path)
      this.#file = file
      file.checkpoint()
      const found = file.revision
      if (found !== this.#revision && found !== doubt.revision) {
        throw corrupt(this.#path, `it is at revision ${found}, but ${this.#revision} was acknowledged`)
      }
      this.#doubt = null
      return found !== this.#revision
    } catch (cause) {
      throw diskFailed(cause)
    }
  }
}

function rejectAll(waiting: readonly Waiting[], error: unknown): void {
  for (const { reject } of waiting) reject(error)
}

function closed(): OperationalError {
  return new OperationalError('UNAVAILABLE', 'cannot use the store: it is closed')
}

function diskFailed(cause: unknown): OperationalError {
  return new OperationalError('UNAVAILABLE', 'cannot write to the store: its disk fails', { cause })
}
