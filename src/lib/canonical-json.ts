/** A value that JSON can carry without loss. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined }

/** Prints a value with sorted keys, so that equal values have equal text. Keys whose value is undefined are left out. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  const record = value as Readonly<Record<string, unknown>>
  let text = ''
  // By code unit, as `sort` does by itself. Large specs are hashed often, so nothing is made but the text.
  for (const key of Object.keys(record).sort()) {
    const item = record[key]
    if (item !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(item)}`
  }
  return `{${text}}`
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
