import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { backupFiles, writeBackup } from './backup-files.ts'

const directory = mkdtempSync(join(tmpdir(), 'gantry-backups-'))
afterAll(() => rmSync(directory, { recursive: true }))

test('a backup is a file that its owner alone can read, and is listed with its first line', async () => {
  const shelf = backupFiles(join(directory, 'backups'))
  expect(await shelf.list()).toEqual([])
  const kept = await shelf.put('monday', ['first\n', 'second\n'])
  expect(kept).toMatchObject({ name: 'monday', sizeBytes: 13, firstLine: 'first' })
  expect(statSync(kept.path).mode & 0o777).toBe(0o600)
  expect(readFileSync(kept.path, 'utf8')).toBe('first\nsecond\n')
  expect(await shelf.list()).toEqual([kept])
  await expect(shelf.put('monday', [])).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
})

test('what breaks off while it is written leaves nothing behind', async () => {
  const path = join(directory, 'half', 'x.gantry')
  async function* breaking(): AsyncGenerator<string> {
    yield 'first\n'
    throw new Error('the server is gone')
  }
  await expect(writeBackup(path, breaking())).rejects.toThrow()
  expect(readdirSync(join(directory, 'half'))).toEqual([])
})

test('a place where nothing can be written is named', async () => {
  const file = join(directory, 'file')
  writeFileSync(file, '')
  await expect(writeBackup(join(file, 'x.gantry'), [])).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
})
