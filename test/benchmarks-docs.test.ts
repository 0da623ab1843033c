import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { benchmarksPage } from '../bench/document.ts'

test('docs/benchmarks.md says what the results say', () => {
  expect(readFileSync('docs/benchmarks.md', 'utf8')).toBe(benchmarksPage())
})
