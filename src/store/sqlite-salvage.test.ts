import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, expect, test } from 'vitest'
import { keyOf } from '../core/model/objects.ts'
import type { Write } from '../ports/store.ts'
import { SqliteStore } from './sqlite.ts'
import { salvageStateFile } from './sqlite-salvage.ts'

const directory = mkdtempSync(join(tmpdir(), 'gantry-salvage-'))
let files = 0
afterAll(() => rmSync(directory, { recursive: true }))

const OBJECTS = 400

async function aStateFile(): Promise<string> {
  const path = join(directory, `${files++}`, 'state.db')
  const store = await SqliteStore.open(path)
  for (let from = 0; from < OBJECTS; from += 100) {
    const writes: Write[] = Array.from({ length: 100 }, (_, i) => {
      const name = `s${String(from + i).padStart(4, '0')}`
      return {
        put: keyOf('service', name),
        value: { name: `${name} ${'x'.repeat(200)}`, attemptFloor: 0, retryAt: null },
      }
    })
    await store.commit({ epoch: null, expect: [], writes, events: [] })
  }
  await store.close()
  return path
}

test('a sound file is read whole', async () => {
  const salvage = salvageStateFile(await aStateFile())
  expect(salvage).toMatchObject({ damaged: [], isWhole: true, state: { revision: 4 } })
  expect(salvage?.state.records).toHaveLength(OBJECTS)
})

test('an object whose content changed is named, and not believed', async () => {
  const path = await aStateFile()
  const db = new DatabaseSync(path)
  db.exec(`UPDATE objects SET value = replace(value, 's0007', 's0008') WHERE key = 'service/s0007'`)
  db.close()
  const salvage = salvageStateFile(path)
  expect(salvage?.damaged).toEqual(['service/s0007'])
  expect(salvage?.state.records).toHaveLength(OBJECTS - 1)
})

test('pages that are destroyed hide no more than what was on them', async () => {
  const path = await aStateFile()
  const bytes = readFileSync(path)
  const page = 4_096
  const middle = Math.floor(bytes.length / page / 2) * page
  writeFileSync(path, bytes.fill(0xa5, middle, middle + page))
  const salvage = salvageStateFile(path)
  expect(salvage?.state.records.length).toBeGreaterThan(OBJECTS / 2)
  expect(salvage?.state.records.length).toBeLessThanOrEqual(OBJECTS)
})

test('a file that is none, is cut to nothing or is not there has nothing to give', async () => {
  const path = await aStateFile()
  truncateSync(path, 50)
  expect(salvageStateFile(path)).toBeNull()
  writeFileSync(path, 'no database')
  expect(salvageStateFile(path)).toBeNull()
  expect(salvageStateFile(join(directory, 'nowhere'))).toBeNull()
})
