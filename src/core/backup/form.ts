import type { Millis, StoreRevision } from '../model/ids.ts'
import type { Key, ObjectKind, ObjectTypes } from '../model/objects.ts'

/**
 * Format of a backup: lines of text, each a sum, a space and JSON. First the header, then the objects in the order of their
 * keys, last the end. A sum is made of the sum before it and the JSON after it, so nothing can be changed, left out,
 * added or moved without being noticed at that place. The form of lines and the first fields of the header stay in
 * every later format.
 *
 * - 1: `{"key","revision","value"}` for each object; the end has their number and the code of authenticity.
 */
export const BACKUP_FORMAT = 1

/** SHA-256 of a text, in hex. */
export type Digest = (text: string) => string

/** What proves that somebody made a backup who has the cluster key. */
export interface BackupKey {
  /** Names the cluster key without telling anything of it. */
  readonly id: string
  /** A keyed hash in hex. */
  code(text: string): string
}

export interface BackupHeader {
  readonly gantry: 'backup'
  readonly format: number
  readonly clusterId: string
  readonly clusterName: string
  readonly incarnation: number
  readonly storeRevision: StoreRevision
  readonly createdAt: Millis
  /** Objects in it. */
  readonly records: number
  /** Of the program that made it. */
  readonly version: string
  /** `sqlite`, `etcd`, ...: where the state was. */
  readonly store: string
  /** Names the cluster key that it is authenticated with; null: the cluster had none. */
  readonly keyId: string | null
}

/** One object as a backup has it. */
export interface BackupRecord<K extends ObjectKind = ObjectKind> {
  readonly key: Key<K>
  readonly revision: StoreRevision
  readonly value: ObjectTypes[K]
}

/** What stands in the last line. */
export interface BackupEnd {
  readonly end: number
  readonly code: string | null
}

/** Enough of a hash that nobody finds another text for it. */
const SUM_DIGITS = 32

/** The sum of a line. */
export function sumOf(before: string, json: string, digest: Digest): string {
  return digest(`${before} ${json}`).slice(0, SUM_DIGITS)
}

/** The lines of a backup, each with its line break. `records` are in the order of their keys. */
export function* backupLines(
  header: BackupHeader,
  records: readonly BackupRecord[],
  digest: Digest,
  key: BackupKey | null,
): Generator<string> {
  let sum = ''
  const line = (value: BackupHeader | BackupRecord | BackupEnd): string => {
    const json = JSON.stringify(value)
    sum = sumOf(sum, json, digest)
    return `${sum} ${json}\n`
  }
  yield line(header)
  for (const { key: name, revision, value } of records) yield line({ key: name, revision, value })
  yield line({ end: records.length, code: key === null ? null : key.code(sum) })
}
