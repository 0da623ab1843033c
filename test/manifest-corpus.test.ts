import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadManifest } from '../src/core/manifest/load.ts'

const FOLDER = 'test/corpus/manifest'

/** With UPDATE_GENERATED=1 the expectations are rewritten; review them as a diff. */
const update = process.env['UPDATE_GENERATED'] === '1'

/** What a user would read, one line for each problem and note. */
function transcript(text: string): string {
  const { problems, notes } = loadManifest(text, null)
  const lines = problems.map(({ line, column, path, message, hint }) => {
    return `${line}:${column} ${path}: ${message}${hint === '' ? '' : `\n    ${shorten(hint)}`}`
  })
  return [
    ...lines,
    ...notes.map(({ line, column, path, message }) => `note ${line}:${column} ${path}: ${message}`),
    '',
  ].join('\n')
}

/** Lists of everything that is allowed change with each new key and say nothing about the mistake. */
function shorten(hint: string): string {
  return hint.replace(/((?:allowed here|supported|one of|known at this level):? )(\S+ \S+ \S+).*$/, '$1$2 …')
}

const names = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.yaml'))
  .sort()

test.each(names)('tells all that is wrong with %s', (name) => {
  const actual = transcript(readFileSync(join(FOLDER, name), 'utf8'))
  const golden = join(FOLDER, name.replace(/\.yaml$/, '.txt'))
  if (update) writeFileSync(golden, actual)
  expect(existsSync(golden) ? readFileSync(golden, 'utf8') : '').toBe(actual)
})
