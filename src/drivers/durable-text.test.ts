import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { durableText } from './durable-text.ts'

let directory = ''

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-durable-'))
})
afterEach(() => {
  rmSync(directory, { recursive: true })
})

test('a text that was never written is null', async () => {
  expect(await durableText(join(directory, 'none')).read()).toBeNull()
})

test('a written text is read back, also by another object', async () => {
  const path = join(directory, 'deep', 'er', 'text')
  await durableText(path).write('grüße\n')
  expect(await durableText(path).read()).toBe('grüße\n')
})

test('the file of a durable text is for its owner only', async () => {
  const path = join(directory, 'text')
  await durableText(path).write('a')
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('of many writes at once the last one stays, and nothing else is left', async () => {
  const text = durableText(join(directory, 'text'))
  await Promise.all(Array.from({ length: 20 }, (_, i) => text.write(`write ${i}`)))
  expect(await text.read()).toBe('write 19')
  expect(readdirSync(directory)).toEqual(['text'])
})

test('a write that fails leaves no trace and does not hinder the next object', async () => {
  const blocker = join(directory, 'file')
  writeFileSync(blocker, '')
  await expect(durableText(join(blocker, 'text')).write('a')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(readdirSync(directory)).toEqual(['file'])
})

test('a text that cannot be read is reported as damaged rather than taken for missing', async () => {
  await expect(durableText(directory).read()).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
})
