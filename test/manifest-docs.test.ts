import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { manifestJsonSchema } from '../src/core/manifest/json-schema.ts'
import { referenceParts } from './manifest-reference.ts'

const REFERENCE = 'docs/reference/manifest.md'
const SCHEMA = 'schemas/manifest.schema.json'

/** With UPDATE_GENERATED=1 the files are rewritten instead of compared; review them as a diff. */
const update = process.env['UPDATE_GENERATED'] === '1'

function withParts(text: string): string {
  return text.replaceAll(
    /(<!-- begin ([^>]+) -->\n)[\s\S]*?(<!-- end \2 -->)/g,
    (_, begin: string, name: string, end: string) => {
      return `${begin}${referenceParts()[name]}\n${end}`
    },
  )
}

test('the manifest reference names every key of the schema, and no other', () => {
  const text = readFileSync(REFERENCE, 'utf8')
  const named = [...text.matchAll(/<!-- begin ([^>]+) -->/g)].map(([, name]) => name)
  expect(named.toSorted()).toEqual(Object.keys(referenceParts()).toSorted())
  if (update) writeFileSync(REFERENCE, withParts(text))
  expect(readFileSync(REFERENCE, 'utf8')).toBe(withParts(text))
})

test('the committed JSON Schema is what the loader’s schema says', () => {
  const current = `${JSON.stringify(manifestJsonSchema(), null, 2)}\n`
  if (update) writeFileSync(SCHEMA, current)
  expect(readFileSync(SCHEMA, 'utf8')).toBe(current)
})

test('every key of the JSON Schema carries a description', () => {
  const bare: string[] = []
  const visit = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null) return
    const { properties } = value as {
      readonly properties?: Readonly<Record<string, { readonly description?: string }>>
    }
    for (const [name, schema] of Object.entries(properties ?? {})) if (!schema.description) bare.push(`${path}.${name}`)
    for (const [name, inner] of Object.entries(value)) visit(inner, `${path}.${name}`)
  }
  const { definitions } = manifestJsonSchema() as { definitions: Record<string, unknown> }
  visit(definitions['service'], 'service')
  expect(bare).toEqual([])
})
