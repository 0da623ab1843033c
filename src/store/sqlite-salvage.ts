import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Key } from '../core/model/objects.ts'
import type { Snapshot, StoreRecord } from '../ports/store.ts'
import { scratchPrefix } from './sqlite-check.ts'
import { rowSum } from './sqlite-format.ts'

/** What can still be read of a state file. */
export interface Salvage {
  readonly state: Snapshot
  /** Keys of objects whose content is damaged. Others may be gone with their keys. */
  readonly damaged: readonly Key[]
  /** Whether every part of the file could be read. */
  readonly isWhole: boolean
}

/** Reads what is sound in a damaged state file, from a copy of it; null: nothing can be read. */
export function salvageStateFile(path: string): Salvage | null {
  if (!existsSync(path)) return null
  const copy = join(mkdtempSync(scratchPrefix(path)), basename(path))
  try {
    copyFileSync(path, copy)
    if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, `${copy}-wal`)
    using db = new DatabaseSync(copy)
    return read(db)
  } catch {
    // Not a database any more; the caller says so, and what else there is.
    return null
  } finally {
    rmSync(dirname(copy), { recursive: true, force: true })
  }
}

function read(db: DatabaseSync): Salvage | null {
  const records = new Map<Key, StoreRecord>()
  const damaged = new Set<Key>()
  const take = (row: Record<string, unknown>): void => {
    const record = recordOf(row)
    if (record === null) damaged.add(String(row['key']) as Key)
    else records.set(record.key, record)
  }
  // From both ends: a damaged page in between hides only itself.
  const directions = ['ASC', 'DESC'].map((order) => readRows(db, order, take))
  if (records.size === 0) return null
  const sound = [...records.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
  const newest = sound.reduce((most, { revision }) => Math.max(most, revision), 0)
  return {
    state: { revision: newest, records: sound },
    damaged: [...damaged].sort(),
    isWhole: directions.every(Boolean),
  }
}

/** False: it broke off. */
function readRows(db: DatabaseSync, order: string, take: (row: Record<string, unknown>) => void): boolean {
  try {
    // By row, not by key: the index may be what is damaged.
    const rows = db.prepare(`SELECT key, revision, value, sum FROM objects NOT INDEXED ORDER BY rowid ${order}`)
    for (const row of rows.iterate()) take(row)
    return true
  } catch {
    // What was read so far is kept.
    return false
  }
}

function recordOf(row: Record<string, unknown>): StoreRecord | null {
  const key = String(row['key']) as Key
  const revision = Number(row['revision'])
  const text = String(row['value'])
  if (row['sum'] !== rowSum(key, revision, text)) return null
  return { key, revision, value: JSON.parse(text) as StoreRecord['value'] }
}
