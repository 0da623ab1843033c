import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { storeContract } from '../../test/contract/store.contract.ts'
import { SqliteStore } from './sqlite.ts'
import { sqliteVersionRefusal } from './sqlite-format.ts'

storeContract('sqlite', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'gantry-store-'))
  const store = await SqliteStore.open(join(directory, 'state.db'))
  return { store, dispose: async () => rmSync(directory, { recursive: true }) }
})

test('a second process is told who has the state, and the first one goes on undisturbed', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'gantry-store-'))
  const path = join(directory, 'state.db')
  const store = await SqliteStore.open(path)
  const refusal = { code: 'PREREQUISITE', message: expect.stringContaining(`another gantry (process ${process.pid})`) }
  await expect(SqliteStore.open(path)).rejects.toMatchObject(refusal)
  const said = execFileSync(process.execPath, [join(process.cwd(), 'test/store/open.ts'), path], { encoding: 'utf8' })
  expect(said).toBe(
    `PREREQUISITE cannot open ${path}: another gantry (process ${process.pid}) uses this data directory`,
  )
  const writes = [{ put: 'desired/self', value: { revision: 1 } }] as const
  expect(await store.commit({ epoch: null, expect: [], writes, events: [] })).toEqual({
    kind: 'committed',
    revision: 1,
  })
  await store.close()
  await (await SqliteStore.open(path)).close()
  rmSync(directory, { recursive: true })
})

test('what was acknowledged is there after closing and opening again', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'gantry-store-'))
  const path = join(directory, 'state.db')
  const first = await SqliteStore.open(path)
  const writes = Array.from({ length: 700 }, (_, i) => {
    const value = { name: `s${i}`, attemptFloor: i, retryAt: null }
    return first.commit({ epoch: null, expect: [], writes: [{ put: `service/s${i}`, value }], events: [] })
  })
  // Closing answers those who still wait.
  await first.close()
  expect((await Promise.all(writes)).at(-1)).toEqual({ kind: 'committed', revision: 700 })
  const second = await SqliteStore.open(path)
  expect((await second.load()).records).toHaveLength(700)
  expect((await second.load()).revision).toBe(700)
  await second.close()
  rmSync(directory, { recursive: true })
})

test('a value that is no JSON harms nobody who commits in the same turn', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'gantry-store-'))
  const store = await SqliteStore.open(join(directory, 'state.db'))
  const put = (body: unknown): Promise<unknown> => {
    const value = { requestHash: '', status: 200, body, at: 1 }
    return store.commit({ epoch: null, expect: [], writes: [{ put: 'idempotency/x', value }], events: [] })
  }
  const outcomes = await Promise.allSettled([put('good'), put(1n), put('better')])
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect((await store.load()).records[0]).toMatchObject({ value: { body: 'better' }, revision: 2 })
  await store.close()
  rmSync(directory, { recursive: true })
})

test.each([
  ['3.7.0', true],
  ['3.51.2', true],
  ['3.51.3', false],
  ['3.53.4', false],
  ['4.0.0', false],
])('SQLite %s is refused: %s', (version, refused) => {
  expect(sqliteVersionRefusal(version) !== null).toBe(refused)
})
