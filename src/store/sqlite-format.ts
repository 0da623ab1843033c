import { crc32 } from 'node:zlib'
import { OperationalError } from '../core/errors.ts'
import type { StoreRevision } from '../core/model/ids.ts'

/** 'GANT': stands in the header of every state file of Gantry, so that no other program's database is ever opened. */
export const APPLICATION_ID = 0x47414e54

/**
 * Format of the state file, kept as SQLite's user_version.
 *
 * - 1: meta (store id, revision) and objects (key, revision, value as JSON), each row with a checksum.
 */
export const FORMAT_VERSION = 1

/** One row says who this file is and how far it is; every transaction rewrites it. */
export const SCHEMA = `
  CREATE TABLE meta (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    store_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    sum INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE objects (
    key TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    value TEXT NOT NULL,
    sum INTEGER NOT NULL
  ) STRICT;
`

/** Checksum of a row, so that a flipped bit is damage and not another truth. */
export function rowSum(key: string, revision: StoreRevision, value: string): number {
  return crc32(`${revision} ${key} ${value}`)
}

/** Checksum of the meta row. */
export function metaSum(storeId: string, revision: StoreRevision): number {
  return crc32(`${revision} ${storeId}`)
}

/** The refusal to use a state file; it was not touched. */
export function corrupt(
  path: string,
  what: string,
  options: { hint?: string; cause?: unknown } = {},
): OperationalError {
  return new OperationalError('STORE_CORRUPT', `cannot use the state in ${path}: ${what}`, {
    hint:
      options.hint ??
      'nothing was changed; `gantry recover --plan` says what can be had of it and of the backups; without any, start in an empty data directory and apply the manifest again',
    cause: options.cause,
  })
}

/**
 * Says why this SQLite must not keep a cluster's state, or null. Before 3.51.3 a checkpoint that meets a writer may
 * lose transactions of the write-ahead log.
 */
export function sqliteVersionRefusal(version: string): string | null {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
  const number = major * 1_000_000 + minor * 1_000 + patch
  if (number >= 3_051_003) return null
  return `SQLite ${version} can lose acknowledged writes; 3.51.3 or newer is needed`
}
