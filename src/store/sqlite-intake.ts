import { closeSync, existsSync, linkSync, mkdirSync, mkdtempSync, openSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { OperationalError } from '../core/errors.ts'
import type { StoreRevision } from '../core/model/ids.ts'
import type { StateIntake } from '../ports/intake.ts'
import type { Snapshot, StoreRecord } from '../ports/store.ts'
import { scratchPrefix } from './sqlite-check.ts'
import { initialise, sync } from './sqlite-create.ts'
import { metaSum, rowSum } from './sqlite-format.ts'
import { inUse, lockHolder } from './sqlite-lock.ts'

const PARTS = ['', '-wal', '-journal'] as const

/** Builds a state file aside and gives it its name when it is complete and on disk. */
export class SqliteIntake implements StateIntake {
  readonly #path: string
  readonly #asideName: string | null
  readonly #directory: string
  readonly #file: string
  #db: DatabaseSync | null

  private constructor(path: string, asideName: string | null) {
    this.#path = path
    this.#asideName = asideName
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    this.#directory = mkdtempSync(scratchPrefix(path))
    this.#file = join(this.#directory, basename(path))
    closeSync(openSync(this.#file, 'wx', 0o600))
    initialise(this.#file)
    this.#db = new DatabaseSync(this.#file)
  }

  /**
   * Begins. `replacing`: what is appended to the names of files that are in the way, however damaged, when they are moved
   * aside; null: nothing may be in the way. Throws ALREADY_EXISTS, and PREREQUISITE for a file that is in use.
   */
  static async begin(path: string, replacing: string | null): Promise<SqliteIntake> {
    const inTheWay = PARTS.map((part) => `${path}${part}`).filter((file) => existsSync(file))
    if (inTheWay.length > 0 && replacing === null) throw exists(path)
    const holder = existsSync(path) ? lockHolder(path) : null
    if (holder !== null) throw inUse(path, holder)
    return new SqliteIntake(path, replacing)
  }

  async write({ records }: Snapshot, onWritten: (records: number) => void): Promise<void> {
    const db = this.#opened()
    db.exec('BEGIN IMMEDIATE')
    db.exec('DELETE FROM objects')
    const put = db.prepare('INSERT INTO objects (key, revision, value, sum) VALUES (?, ?, ?, ?)')
    for (const { key, revision, value } of records) {
      const text = JSON.stringify(value)
      put.run(key, revision, text, rowSum(key, revision, text))
    }
    db.exec('COMMIT')
    onWritten(records.length)
  }

  async read(): Promise<readonly StoreRecord[]> {
    const rows = this.#opened().prepare('SELECT key, revision, value FROM objects ORDER BY key').all()
    return rows.map(({ key, revision, value }) => {
      return { key, revision, value: JSON.parse(String(value)) as unknown } as StoreRecord
    })
  }

  async open(revision: StoreRevision): Promise<void> {
    const db = this.#opened()
    const storeId = String(db.prepare('SELECT store_id FROM meta').get()?.['store_id'])
    db.prepare('UPDATE meta SET revision = ?, sum = ?').run(revision, metaSum(storeId, revision))
    db.close()
    this.#db = null
    sync(this.#file)
    if (this.#asideName === null) this.#takeName()
    else this.#replace(this.#asideName)
    sync(dirname(this.#path))
  }

  async close(): Promise<void> {
    this.#db?.close()
    this.#db = null
    rmSync(this.#directory, { recursive: true, force: true })
  }

  #takeName(): void {
    try {
      linkSync(this.#file, this.#path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      throw exists(this.#path)
    }
  }

  /** The old file keeps its name until the new one has it: at no moment is there none, which a server would take for a new start. */
  #replace(asideName: string): void {
    if (existsSync(this.#path)) linkSync(this.#path, `${this.#path}${asideName}`)
    for (const part of PARTS.slice(1)) {
      if (existsSync(`${this.#path}${part}`)) renameSync(`${this.#path}${part}`, `${this.#path}${asideName}${part}`)
    }
    renameSync(this.#file, this.#path)
  }

  #opened(): DatabaseSync {
    if (this.#db !== null) return this.#db
    throw new OperationalError('UNAVAILABLE', 'cannot go on with taking a state in: it is closed')
  }
}

function exists(path: string): OperationalError {
  return new OperationalError('ALREADY_EXISTS', `there is a state in ${path} already`, {
    hint: 'name another data directory, or add --replace to put the new state in its place',
  })
}
