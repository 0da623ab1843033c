import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-disk-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const program = (name: string): string[] => [process.execPath, join(process.cwd(), 'test/store', name), directory]

test('on a full disk commits are refused whole, what was acknowledged stays, and it goes on when there is room', () => {
  const output = execFileSync('unshare', ['--map-root-user', '--mount', ...program('full-disk.ts')], {
    encoding: 'utf8',
  })
  const result = JSON.parse(output) as Record<string, unknown> & { acknowledged: number[] }
  const sorted = (numbers: readonly number[]): number[] => numbers.toSorted((a, b) => (`${a}` < `${b}` ? -1 : 1))
  expect(result.acknowledged.length).toBeGreaterThan(10)
  expect(result).toEqual({
    acknowledged: result.acknowledged,
    refusal: 'STORE_FULL',
    whileFull: sorted(result.acknowledged),
    again: 'STORE_FULL',
    afterwards: 'committed',
    reopened: sorted([...result.acknowledged, 9_002]),
    batches: Array.from({ length: result.acknowledged.length + 1 }, (_, i) => i + 1),
  })
})

test('a failing disk loses nothing: an outcome is unknown only until the file can be opened anew', () => {
  const [node = '', ...args] = program('failing-disk.ts')
  const result = JSON.parse(execFileSync(node, args, { encoding: 'utf8' })) as unknown
  expect(result).toEqual({
    said: [
      'committed',
      'UNAVAILABLE',
      'committed',
      'unknown',
      'UNAVAILABLE',
      'UNAVAILABLE',
      '1 3 4',
      'committed',
      '1 3 4 7',
    ],
    batches: [1, 2, 3, 4],
  })
})
