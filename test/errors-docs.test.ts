import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ERRORS } from '../src/core/errors.ts'

const FILE = 'docs/reference/errors.md'
/** With UPDATE_GENERATED=1 the table is rewritten instead of compared; review it as a diff. */
const update = process.env['UPDATE_GENERATED'] === '1'

function errorTable(): string {
  const rows = Object.entries(ERRORS).map(([code, { http, exit, retry, meaning }]) => {
    return `| \`${code}\` | ${http} | ${exit} | ${retry} | ${meaning} |`
  })
  return ['| code | HTTP status | exit code | retry | meaning |', '|---|---|---|---|---|', ...rows].join('\n')
}

test('the error reference has every code of the table, and no other', () => {
  const text = readFileSync(FILE, 'utf8')
  const current = text.replace(
    /(<!-- begin codes -->\n)[\s\S]*(<!-- end codes -->)/,
    (_, begin: string, end: string) => {
      return `${begin}${errorTable()}\n${end}`
    },
  )
  if (update) writeFileSync(FILE, current)
  expect(readFileSync(FILE, 'utf8')).toBe(current)
  const documented = [...current.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code]) => code)
  expect(documented).toEqual(Object.keys(ERRORS))
})

test('a status of 500 and above is ours or the world’s, one below is the caller’s', () => {
  for (const [code, { http, retry }] of Object.entries(ERRORS)) {
    expect(http, code).toBeGreaterThanOrEqual(400)
    if (retry === 'same-key') expect(http, code).toBe(504)
  }
})
