import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { labTable } from './long/lab-document.ts'

const FILE = 'docs/reliability.md'
/** With UPDATE_GENERATED=1 the table is rewritten instead of compared; review it as a diff. */
const update = process.env['UPDATE_GENERATED'] === '1'

test('docs/reliability.md says of lost machines what the results of the campaign say', () => {
  const text = readFileSync(FILE, 'utf8')
  const current = text.replace(
    /(<!-- begin machines -->\n)[\s\S]*(<!-- end machines -->)/,
    (_, begin: string, end: string) => `${begin}${labTable()}\n${end}`,
  )
  if (update) writeFileSync(FILE, current)
  expect(readFileSync(FILE, 'utf8')).toBe(current)
  expect(current).toContain(labTable())
})
