import type { StoreRevision } from '../model/ids.ts'
import { AUTHORITY_KEY } from '../model/objects.ts'
import {
  BACKUP_FORMAT,
  type BackupEnd,
  type BackupHeader,
  type BackupKey,
  type BackupRecord,
  type Digest,
  sumOf,
} from './form.ts'

/** Who vouches for a sound backup: the cluster key that is here, one that is not here, or nobody. */
export type Authenticity = 'proven' | 'unknown key' | 'none'

/** What became of reading a backup. */
export type BackupReading =
  | {
      readonly kind: 'sound'
      readonly header: BackupHeader
      readonly records: readonly BackupRecord[]
      readonly authenticity: Authenticity
    }
  /** It must not be used; `line` from 1. */
  | {
      readonly kind: 'truncated' | 'damaged' | 'foreign' | 'newer'
      readonly line: number
      readonly message: string
    }

/** Reads a backup and finds what is wrong with it, and where. `key`: of this cluster, if it is here. */
export function readBackup(text: string, digest: Digest, key: BackupKey | null): BackupReading {
  const reader = new Reader(digest)
  const lines = text.split('\n')
  const tail = lines.pop() ?? ''
  for (const [at, line] of lines.entries()) {
    const fault = reader.take(line, at + 1)
    if (fault !== null) return fault
  }
  if (tail !== '' || !reader.ended) return reader.cutOff(lines.length + (tail === '' ? 0 : 1))
  return reader.judge(key)
}

/** The header in the first line of a backup; null: it is none, or was changed. */
export function readHeader(line: string, digest: Digest): BackupHeader | null {
  const space = line.indexOf(' ')
  const json = line.slice(space + 1)
  if (space < 0 || line.slice(0, space) !== sumOf('', json, digest)) return null
  const value = parsed(json)
  return value !== null && 'gantry' in value && value.gantry === 'backup' ? value : null
}

type Fault = Exclude<BackupReading, { readonly kind: 'sound' }>

class Reader {
  readonly #digest: Digest
  readonly #records: BackupRecord[] = []
  #header: BackupHeader | null = null
  #end: BackupEnd | null = null
  #sum = ''
  /** The sum before the last line: what the code is made of. */
  #sumBefore = ''

  constructor(digest: Digest) {
    this.#digest = digest
  }

  get ended(): boolean {
    return this.#end !== null
  }

  /** Takes the next line; null: it is as it was written. */
  take(line: string, number: number): Fault | null {
    if (this.#end !== null) return damaged(number, 'something follows its end')
    const space = line.indexOf(' ')
    const json = line.slice(space + 1)
    const sum = sumOf(this.#sum, json, this.#digest)
    if (space < 0 || line.slice(0, space) !== sum) {
      if (number === 1 && !looksLikeOurs(line))
        return { kind: 'foreign', line: 1, message: 'it is no backup of Gantry' }
      return damaged(number, number === 1 ? 'its header was changed' : `record ${number - 1} or its place was changed`)
    }
    this.#sumBefore = this.#sum
    this.#sum = sum
    const value = parsed(json)
    return value === null ? damaged(number, 'it has a line that is no record') : this.#takeValue(value, number)
  }

  #takeValue(value: BackupHeader | BackupRecord | BackupEnd, number: number): Fault | null {
    if (this.#header === null) {
      if (!('gantry' in value) || value.gantry !== 'backup') return damaged(number, 'it has no header')
      this.#header = value
      if (value.format <= BACKUP_FORMAT) return null
      const message = `it was made by a newer Gantry (format ${value.format}, this one knows ${BACKUP_FORMAT})`
      return { kind: 'newer', line: number, message }
    }
    if ('end' in value) {
      this.#end = value
      const isWhole = value.end === this.#records.length && this.#header.records === value.end
      return isWhole ? null : damaged(number, `it says that it has ${this.#header.records} records`)
    }
    if (!('key' in value)) return damaged(number, 'it has a line that is no record')
    return this.#takeRecord(value, this.#header.storeRevision, number)
  }

  #takeRecord(record: BackupRecord, newest: StoreRevision, number: number): Fault | null {
    const before = this.#records.at(-1)
    if (before !== undefined && before.key >= record.key) return damaged(number, `${record.key} is out of order`)
    if (!(record.revision > 0 && record.revision <= newest)) return damaged(number, `${record.key} is of no revision`)
    this.#records.push(record)
    return null
  }

  cutOff(line: number): Fault {
    const of =
      this.#header === null ? 'in its header' : `after record ${this.#records.length} of ${this.#header.records}`
    return { kind: 'truncated', line, message: `it was cut off ${of}` }
  }

  judge(key: BackupKey | null): BackupReading {
    const [header, end, line] = [this.#header, this.#end, this.#records.length + 2]
    if (header === null || end === null) return this.cutOff(line)
    if (header.keyId === null) {
      // A cluster with a certificate authority has a cluster key: without its code somebody took that away.
      if (this.#records.some((record) => record.key === AUTHORITY_KEY)) {
        return { kind: 'foreign', line, message: 'it has a certificate authority, but nothing proves who made it' }
      }
      return { kind: 'sound', header, records: this.#records, authenticity: 'none' }
    }
    if (key === null) return { kind: 'sound', header, records: this.#records, authenticity: 'unknown key' }
    if (key.id !== header.keyId) {
      return {
        kind: 'foreign',
        line: 1,
        message: `it was made with the cluster key ${header.keyId}, and the one here is ${key.id}`,
      }
    }
    if (key.code(this.#sumBefore) !== end.code) {
      return { kind: 'foreign', line, message: 'it was not made by a server of this cluster: its code is wrong' }
    }
    return { kind: 'sound', header, records: this.#records, authenticity: 'proven' }
  }
}

function looksLikeOurs(line: string): boolean {
  return line.includes('"gantry"') || line.includes('"format"') || line.includes('"clusterId"')
}

/** Sums are no secret: a line with the right one may still be anything. */
function parsed(json: string): BackupHeader | BackupRecord | BackupEnd | null {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' ? (value as BackupHeader | BackupRecord | BackupEnd | null) : null
  } catch {
    return null
  }
}

function damaged(line: number, message: string): Fault {
  return { kind: 'damaged', line, message }
}
