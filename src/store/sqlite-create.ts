import { closeSync, fsyncSync, linkSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { OperationalError } from '../core/errors.ts'
import { scratchPrefix } from './sqlite-check.ts'
import { APPLICATION_ID, FORMAT_VERSION, metaSum, SCHEMA } from './sqlite-format.ts'

/** ENOSPC from the file system, SQLITE_FULL from SQLite. */
const FULL: readonly unknown[] = ['ENOSPC', 'EDQUOT', 13]

/**
 * Makes a new state file, whole or not at all: it is built aside and gets its name when it is complete and on disk, so
 * that a file which is there but unfinished is always damage. Does nothing when another process was faster.
 */
export function createStateFile(path: string): void {
  try {
    create(path)
  } catch (cause) {
    const { code, errcode } = cause as { code?: unknown; errcode?: unknown }
    const isFull = FULL.includes(code) || FULL.includes(errcode)
    const why = isFull ? 'the disk is full' : cause instanceof Error ? cause.message : String(cause)
    const reason = `cannot make the state file ${path}: ${why}`
    throw new OperationalError(isFull ? 'STORE_FULL' : 'PREREQUISITE', reason, { cause })
  }
}

function create(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const aside = mkdtempSync(scratchPrefix(path))
  try {
    const file = join(aside, basename(path))
    closeSync(openSync(file, 'wx', 0o600))
    initialise(file)
    sync(file)
    link(file, path)
    sync(dirname(path))
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
}

/** Makes the tables of a state that holds nothing yet, in an empty file. */
export function initialise(file: string): void {
  using db = new DatabaseSync(file)
  db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${FORMAT_VERSION}`)
  db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL')
  db.exec(SCHEMA)
  const storeId = String(db.prepare('SELECT lower(hex(randomblob(8))) AS id').get()?.['id'])
  db.prepare('INSERT INTO meta VALUES (1, ?, 0, ?)').run(storeId, metaSum(storeId, 0))
}

function link(file: string, path: string): void {
  try {
    linkSync(file, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** Returns when a file, or the names in a directory, are on disk. */
export function sync(path: string): void {
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
