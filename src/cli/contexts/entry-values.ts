import { resolve } from 'node:path'
import { OperationalError } from '../../core/errors.ts'
import { isBase32 } from '../../lib/base32.ts'

export type Entry = Readonly<Record<string, unknown>>

/** Reads the values of one block of a file, and says of the others that they have no effect. */
export class EntryValues {
  readonly #values: Entry
  readonly #path: string
  /** Where the block stands, such as `clusters.blue.`; empty for the file itself. */
  readonly #prefix: string

  constructor(values: Entry, path: string, prefix: string) {
    this.#values = values
    this.#path = path
    this.#prefix = prefix
  }

  /** Sentences about those that are none of `known`. */
  unknown(known: readonly string[], why = 'it is not known'): readonly string[] {
    const names = Object.keys(this.#values).filter((name) => !known.includes(name.toLowerCase()))
    return names.map((name) => `${this.#path}: ${this.#prefix}${name} has no effect: ${why}`)
  }

  /** The value of a key, whatever the case of its letters; undefined: there is none. */
  get(name: string): unknown {
    const key = Object.keys(this.#values).find((one) => one.toLowerCase() === name)
    const value = key === undefined ? undefined : this.#values[key]
    return value === null ? undefined : value
  }

  text(name: string): string | null {
    const value = this.get(name)
    if (value === undefined || value === '') return null
    if (typeof value === 'string' || typeof value === 'number') return String(value)
    throw this.wrong(name, 'must be a text')
  }

  count(name: string): number | null {
    const value = this.get(name)
    if (value === undefined) return null
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 100_000) return value
    throw this.wrong(name, 'must be a whole number')
  }

  /** Milliseconds; a plain number is seconds. Zero means no limit in GoCluster, and here that it is not set. */
  time(name: string): number | null {
    const value = this.get(name)
    if (value === undefined || value === 0) return null
    const [, number, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(String(value)) ?? []
    if (number === undefined) throw this.wrong(name, 'must be a time such as 10s')
    return Number(number) * ({ ms: 1, s: 1_000, m: 60_000 }[unit] ?? 1_000)
  }

  /** An absolute path; a relative one begins at the directory of the file. */
  file(name: string, directory: string): string | null {
    const path = this.text(name)
    return path === null ? null : resolve(directory, path)
  }

  fingerprint(): string | null {
    const text = this.text('fingerprint')?.toLowerCase() ?? null
    if (text === null || isBase32(text, 52)) return text
    throw this.wrong('fingerprint', 'must be the third part of a join token, 52 letters and digits')
  }

  wrong(name: string, what: string): OperationalError {
    return new OperationalError('CONFIG_INVALID', `${this.#path}: ${this.#prefix}${name} ${what}`)
  }
}

/** Whether a value is a block. */
export function isEntry(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
