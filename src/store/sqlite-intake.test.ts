import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { intakeContract } from '../../test/contract/intake.contract.ts'
import { SqliteStore } from './sqlite.ts'
import { SqliteIntake } from './sqlite-intake.ts'

const directory = mkdtempSync(join(tmpdir(), 'gantry-intake-'))
let places = 0
const aPath = (): string => join(directory, String(places++), 'state.db')
afterAll(() => rmSync(directory, { recursive: true }))

intakeContract('sqlite', async () => {
  const path = aPath()
  return {
    begin: (replace) => SqliteIntake.begin(path, replace ? '.before' : null),
    open: () => SqliteStore.open(path),
  }
})

test('what is replaced keeps its bytes under another name, however damaged it is', async () => {
  const path = aPath()
  await (await SqliteStore.open(path)).close()
  writeFileSync(path, 'no database')
  writeFileSync(`${path}-wal`, 'no log')
  const intake = await SqliteIntake.begin(path, '.damaged')
  await intake.open(1)
  await intake.close()
  expect(readdirSync(join(path, '..')).sort()).toEqual(['state.db', 'state.db.damaged', 'state.db.damaged-wal'])
  const store = await SqliteStore.open(path)
  expect((await store.load()).revision).toBe(1)
  await store.close()
})

test('a state that a server uses is not replaced', async () => {
  const path = aPath()
  const store = await SqliteStore.open(path)
  await expect(SqliteIntake.begin(path, null)).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
  await store.close()
})
