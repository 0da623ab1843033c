import { readdirSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { StatementSync } from 'node:sqlite'
import { DatabaseSync } from 'node:sqlite'
import { OperationalError } from '../core/errors.ts'
import type { Epoch, StoreRevision } from '../core/model/ids.ts'
import type { Key, ObjectTypes } from '../core/model/objects.ts'
import { LEADERSHIP_KEY } from '../core/model/objects.ts'
import type { Snapshot, StoreRecord } from '../ports/store.ts'
import type { StateIdentity } from './sqlite-check.ts'
import { checkStateFile, scratchPrefix } from './sqlite-check.ts'
import { createStateFile } from './sqlite-create.ts'
import { corrupt, metaSum, rowSum, sqliteVersionRefusal } from './sqlite-format.ts'
import { inUse } from './sqlite-lock.ts'

const SQLITE_BUSY = 5

/** How long an old process may take to let go of the file. Nothing else happens meanwhile, so it is short. */
const BUSY_MS = 1_000

/**
 * - EXCLUSIVE: one process, for as long as it lives; and no shared memory file that a crash could leave behind.
 * - FULL: a transaction is on disk when COMMIT returns.
 * - The log is written back every 1,000 pages (4 MB): flushing a log that is written over is far faster than flushing
 *   one that grows, and the pause stays out of the 99th percentile.
 */
const PRAGMAS = `
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA mmap_size = 0;
  PRAGMA temp_store = MEMORY;
  PRAGMA wal_autocheckpoint = 1000;
`

const PUT = `INSERT INTO objects (key, revision, value, sum) VALUES (?, ?, ?, ?)
  ON CONFLICT (key) DO UPDATE SET revision = excluded.revision, value = excluded.value, sum = excluded.sum`

/** The open state file: rows in and out, inside transactions that its owner begins and ends. */
export class SqliteFile {
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  readonly #storeId: string

  private constructor(db: DatabaseSync, storeId: string) {
    this.#db = db
    this.#storeId = storeId
  }

  /**
   * Checks the file, makes it if there is none, and takes it for this process alone. Throws STORE_CORRUPT or
   * PREREQUISITE, and then has not changed a byte.
   */
  static open(path: string): SqliteFile {
    const refusal = sqliteVersionRefusal(process.versions['sqlite'] ?? '0')
    if (refusal !== null) throw new OperationalError('PREREQUISITE', `cannot open ${path}: ${refusal}`)
    let identity = checkStateFile(path)
    if (identity === null) {
      createStateFile(path)
      identity = checkStateFile(path)
      if (identity === null) throw corrupt(path, 'it vanished while it was made')
    }
    const db = lock(path, identity)
    removeScratch(path)
    return new SqliteFile(db, identity.storeId)
  }

  get revision(): StoreRevision {
    return Number(this.#prepared('SELECT revision FROM meta').get()?.['revision'])
  }

  epoch(): Epoch {
    const row = this.#prepared('SELECT value FROM objects WHERE key = ?').get(LEADERSHIP_KEY)
    return row === undefined ? 0 : (JSON.parse(String(row['value'])) as ObjectTypes['leadership']).epoch
  }

  revisionOf(key: Key): StoreRevision {
    return Number(this.#prepared('SELECT revision FROM objects WHERE key = ?').get(key)?.['revision'] ?? 0)
  }

  read(): Snapshot {
    const rows = this.#prepared('SELECT key, revision, value FROM objects ORDER BY key').all()
    const records = rows.map(({ key, revision, value }) => {
      return { key, revision, value: JSON.parse(String(value)) as unknown } as StoreRecord
    })
    return { revision: this.revision, records }
  }

  begin(): void {
    this.#prepared('BEGIN IMMEDIATE').run()
  }

  put(key: Key, revision: StoreRevision, value: string): void {
    this.#prepared(PUT).run(key, revision, value, rowSum(key, revision, value))
  }

  delete(key: Key): void {
    this.#prepared('DELETE FROM objects WHERE key = ?').run(key)
  }

  /** The last write of a transaction. */
  setRevision(revision: StoreRevision): void {
    this.#prepared('UPDATE meta SET revision = ?, sum = ?').run(revision, metaSum(this.#storeId, revision))
  }

  /** Returns when everything since `begin` is on disk. */
  commit(): void {
    this.#prepared('COMMIT').run()
  }

  /** Undoes everything since `begin`; SQLite may have done so already. */
  rollback(): void {
    if (this.#db.isTransaction) this.#prepared('ROLLBACK').run()
  }

  /** Writes the whole log back into the file, both on disk: after that it no longer matters whether the log was. */
  checkpoint(): void {
    this.#prepared('PRAGMA wal_checkpoint(TRUNCATE)').get()
  }

  close(): void {
    this.#statements.clear()
    if (this.#db.isOpen) this.#db.close()
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#db.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }
}

function lock(path: string, checked: StateIdentity): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: BUSY_MS })
  try {
    db.exec(PRAGMAS)
    // In exclusive mode the first read takes the lock for good.
    const revision = Number(db.prepare('SELECT revision FROM meta').get()?.['revision'])
    if (revision !== checked.revision) throw inUse(path, null)
    return db
  } catch (error) {
    db.close()
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) throw inUse(path, null)
    throw error
  }
}

/** Left by processes that were killed while they checked or made a file; with the lock held, nobody uses them. */
function removeScratch(path: string): void {
  const prefix = basename(scratchPrefix(path))
  for (const name of readdirSync(dirname(path))) {
    if (name.startsWith(prefix)) rmSync(join(dirname(path), name), { recursive: true, force: true })
  }
}
