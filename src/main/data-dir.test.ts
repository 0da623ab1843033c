import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { makeDataDir } from './data-dir.ts'

const directory = mkdtempSync(join(tmpdir(), 'gantry-data-'))
afterAll(() => rmSync(directory, { recursive: true }))

test('a data directory is made with all that leads to it, and may be there already', () => {
  const path = join(directory, 'a', 'b')
  makeDataDir(path)
  makeDataDir(path)
  expect(statSync(path).mode & 0o777).toBe(0o711)
})

test('a file, and a place where nothing can be made, are refused', () => {
  const file = join(directory, 'file')
  writeFileSync(file, '')
  expect(() => makeDataDir(file)).toThrow(`${file} cannot be the data directory: it is no directory`)
  expect(() => makeDataDir(join(file, 'a', 'b'))).toThrow(
    `${file}/a/b cannot be the data directory: ${file} is no directory`,
  )
  expect(() => makeDataDir('/proc/nowhere')).toThrow(
    '/proc/nowhere cannot be the data directory: it cannot be made: there is no such file',
  )
})
