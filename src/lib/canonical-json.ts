/** A value that JSON can carry without loss. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined }

/** Names of keys as they are printed: there are few, and each comes again and again. */
const names = new Map<string, string>()
const MOST_NAMES = 1_000

/** Prints a value with sorted keys, so that equal values have equal text. Keys whose value is undefined are left out. */
export function canonicalJson(value: unknown): string {
  if (value === undefined || value === null) return 'null'
  if (Number.isSafeInteger(value)) return String(value)
  if (typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  let text = ''
  // Large specs are hashed often, so nothing is made but the text.
  if (Array.isArray(value)) {
    for (const item of value) text += `${text === '' ? '' : ','}${canonicalJson(item)}`
    return `[${text}]`
  }
  const record = value as Readonly<Record<string, unknown>>
  // By code unit, as `sort` does by itself.
  for (const key of Object.keys(record).sort()) {
    const item = record[key]
    if (item !== undefined) text += `${text === '' ? '' : ','}${nameOf(key)}:${canonicalJson(item)}`
  }
  return `{${text}}`
}

function nameOf(key: string): string {
  const known = names.get(key)
  if (known !== undefined) return known
  const name = JSON.stringify(key)
  if (names.size < MOST_NAMES) names.set(key, name)
  return name
}

/**
 * Names a value by its content: 16 hex digits, equal for equal values on every machine.
 *
 * Two 32-bit FNV-1a passes with different starts. It tells specs apart; it is no defence against somebody who
 * looks for collisions, so nothing that grants access may depend on it.
 */
export function contentHash(value: unknown): string {
  const text = canonicalJson(value)
  let [first, second] = [0x811c9dc5, 0x01234567]
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    first = Math.imul(first ^ unit, 0x01000193)
    second = Math.imul(second ^ unit, 0x01000193)
  }
  return hex(first) + hex(second)
}

function hex(hash: number): string {
  return (hash >>> 0).toString(16).padStart(8, '0')
}
