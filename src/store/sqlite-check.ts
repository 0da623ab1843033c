import type { Stats } from 'node:fs'
import {
  closeSync,
  constants,
  copyFileSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { OperationalError } from '../core/errors.ts'
import type { StoreRevision } from '../core/model/ids.ts'
import { APPLICATION_ID, corrupt, FORMAT_VERSION, metaSum, rowSum } from './sqlite-format.ts'
import { inUse, lockHolder } from './sqlite-lock.ts'
import { judgeWal } from './sqlite-wal.ts'

/** Who a state file is and how far it is. */
export interface StateIdentity {
  readonly storeId: string
  readonly revision: StoreRevision
}

/**
 * Looks at a state file and all it holds without changing one byte of it or beside it; null: there is none yet, and
 * nothing of one. Throws STORE_CORRUPT for whatever is damaged, foreign or newer, PREREQUISITE when it is in use.
 *
 * A log that a killed process left behind is normal. Reading it would change files, so then a copy is checked.
 */
export function checkStateFile(path: string): StateIdentity | null {
  const file = lookAt(path, path)
  const log = lookAt(path, `${path}-wal`)
  const journal = lookAt(path, `${path}-journal`)
  if (file === null) {
    if (log === null && journal === null) return null
    throw corrupt(path, 'the file is missing, but its log is there')
  }
  if (!file.isFile()) throw corrupt(path, 'it is not a file')
  const holder = lockHolder(path)
  if (holder !== null) throw inUse(path, holder)
  const pageSize = checkHeader(path, readHead(path))
  if (journal !== null) throw corrupt(path, `${basename(path)}-journal beside it is not of Gantry's making`)
  if (log === null || !holdsLog(path, pageSize)) return examine(path, path, null)
  const copy = copyAside(path)
  try {
    return examine(path, copy, identityWithoutLog(path))
  } finally {
    rmSync(dirname(copy), { recursive: true, force: true })
  }
}

/** Start of the names of directories in which states are checked or made; whoever holds the lock may remove them. */
export function scratchPrefix(path: string): string {
  return join(dirname(path), `.${basename(path)}-`)
}

/** null only when there is nothing of that name: what cannot be looked at must not pass for absent. */
function lookAt(path: string, file: string): Stats | null {
  return reading(path, () => statSync(file, { throwIfNoEntry: false }) ?? null)
}

function readHead(path: string): Buffer {
  return reading(path, () => {
    const head = Buffer.alloc(100)
    const file = openSync(path, 'r')
    const length = readSync(file, head)
    closeSync(file)
    return head.subarray(0, length)
  })
}

function reading<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw corrupt(path, `it cannot be read: ${why}`, {
      hint: 'run as the user that the data directory belongs to',
      cause,
    })
  }
}

/** Returns the page size. */
function checkHeader(path: string, head: Buffer): number {
  if (head.length === 0) throw corrupt(path, 'the file is empty')
  if (head.length < 100 || head.toString('latin1', 0, 16) !== 'SQLite format 3\0') {
    throw corrupt(path, 'it is not a SQLite database')
  }
  const application = head.readUInt32BE(68)
  if (application !== APPLICATION_ID) {
    throw corrupt(path, `it is the database of another program (application id 0x${application.toString(16)})`)
  }
  const version = head.readUInt32BE(60)
  if (version > FORMAT_VERSION) {
    throw corrupt(path, `it was written by a newer Gantry (format ${version}, this one knows ${FORMAT_VERSION})`, {
      hint: 'use the newer Gantry, or put back a backup from before the upgrade',
    })
  }
  if (version < 1) throw corrupt(path, `its format ${version} never existed`)
  // Both 2: read and written with a write-ahead log. Other values would open, and fail at the first write.
  if (head.readUInt16BE(18) !== 0x0202) throw corrupt(path, 'its header is damaged')
  const pageSize = head.readUInt16BE(16)
  return pageSize === 1 ? 65_536 : pageSize
}

function holdsLog(path: string, pageSize: number): boolean {
  const verdict = judgeWal(
    reading(path, () => readFileSync(`${path}-wal`)),
    pageSize,
  )
  if (verdict.kind === 'damaged') throw corrupt(path, `${basename(path)}-wal: ${verdict.what}`)
  return verdict.kind === 'sound'
}

function copyAside(path: string): string {
  const copy = join(mkdtempSync(scratchPrefix(path)), basename(path))
  try {
    copyFileSync(path, copy, constants.COPYFILE_FICLONE)
    copyFileSync(`${path}-wal`, `${copy}-wal`, constants.COPYFILE_FICLONE)
    return copy
  } catch (cause) {
    rmSync(dirname(copy), { recursive: true, force: true })
    throw new OperationalError('STORE_FULL', `cannot check the state in ${path}: no room for a copy of it`, { cause })
  }
}

/** Reads everything that is there. `path` is for messages; `alone` is who the file is without its log, if known. */
function examine(path: string, file: string, alone: StateIdentity | null): StateIdentity {
  try {
    using db = file === path ? openImmutable(path) : new DatabaseSync(file)
    const identity = readIdentity(path, db)
    if (alone !== null) requireSameState(path, alone, identity)
    // Not the quick check: it trusts the index, and an index that lies makes objects vanish.
    const verdict = String(db.prepare('PRAGMA integrity_check(1)').get()?.['integrity_check'])
    if (verdict !== 'ok') throw corrupt(path, `it is damaged: ${verdict}`)
    for (const row of db.prepare('SELECT key, revision, value, sum FROM objects').iterate()) {
      checkRow(path, identity.revision, row)
    }
    return identity
  } catch (cause) {
    if (cause instanceof OperationalError) throw cause
    throw corrupt(path, `it is damaged: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

/** The file alone, without its log; neither locks nor side files are made. */
function openImmutable(path: string): DatabaseSync {
  const url = pathToFileURL(path)
  url.search = '?immutable=1'
  return new DatabaseSync(url, { readOnly: true })
}

function readIdentity(path: string, db: DatabaseSync): StateIdentity {
  const row = db.prepare('SELECT store_id, revision, sum FROM meta').get()
  const storeId = String(row?.['store_id'])
  const revision = Number(row?.['revision'])
  if (row?.['sum'] !== metaSum(storeId, revision)) throw corrupt(path, 'its revision is damaged')
  return { storeId, revision }
}

function checkRow(path: string, newest: StoreRevision, row: Record<string, unknown>): void {
  const key = String(row['key'])
  const revision = Number(row['revision'])
  const value = String(row['value'])
  if (row['sum'] !== rowSum(key, revision, value)) throw corrupt(path, `object ${key} is damaged`)
  if (revision < 1 || revision > newest) throw corrupt(path, `object ${key} has revision ${revision} of ${newest}`)
  try {
    JSON.parse(value)
  } catch (cause) {
    throw corrupt(path, `object ${key} is not JSON`, { cause })
  }
}

function identityWithoutLog(path: string): StateIdentity | null {
  try {
    using db = openImmutable(path)
    return readIdentity(path, db)
  } catch {
    // A checkpoint that was cut off leaves the file half written until the log is replayed; the copy shows if it heals.
    return null
  }
}

/** A log of another file, or of an older copy of this one, would replay over it without a word. */
function requireSameState(path: string, alone: StateIdentity, seen: StateIdentity): void {
  const log = `${basename(path)}-wal`
  if (alone.storeId !== seen.storeId) throw corrupt(path, `its log ${log} belongs to another state`)
  if (alone.revision > seen.revision) throw corrupt(path, `its log ${log} is older than the file`)
}
