import { createHash } from 'node:crypto'
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRng } from '../lib/rng.ts'
import type { Snapshot } from '../ports/store.ts'
import { SqliteStore } from './sqlite.ts'
import { metaSum, rowSum } from './sqlite-format.ts'

const FIRST = 40
const LATER = 12
const root = mkdtempSync(join(tmpdir(), 'gantry-corpus-'))
afterAll(() => rmSync(root, { recursive: true }))

/** Writes services `from` to `to`, one commit each, with enough text to fill several pages. */
async function fill(store: SqliteStore, from: number, to: number): Promise<Snapshot> {
  for (let n = from; n <= to; n++) {
    const value = { requestHash: `${n}`, status: 200, body: `${n} `.repeat(200), at: n }
    await store.commit({ epoch: null, expect: [], writes: [{ put: `idempotency/${n}`, value }], events: [] })
  }
  return store.load()
}

/**
 * Directories to damage: `clean` was closed, `hot` was killed (its last commits are in the log only), `older` is what
 * `hot` was some commits before, `other` is another state, killed too; `steady` has changed without growing since its
 * log was copied.
 */
beforeAll(async () => {
  for (const name of ['hot', 'other']) {
    const live = join(root, `live-${name}`)
    const path = join(live, 'state.db')
    const first = await SqliteStore.open(path)
    await fill(first, 1, FIRST)
    await first.close()
    const store = await SqliteStore.open(path)
    await fill(store, FIRST + 1, FIRST + 4)
    cpSync(live, join(root, name === 'hot' ? 'older' : 'unused'), { recursive: true })
    await fill(store, FIRST + 5, FIRST + LATER)
    cpSync(live, join(root, name), { recursive: true })
    await store.close()
    if (name === 'hot') cpSync(live, join(root, 'clean'), { recursive: true })
  }
  const live = copyOf('clean')
  const store = await SqliteStore.open(join(live, 'state.db'))
  await fill(store, 1, 1)
  copyFileSync(join(live, 'state.db-wal'), join(root, 'steady.db-wal'))
  await fill(store, 1, 1)
  await store.close()
  renameSync(live, join(root, 'steady'))
})

let copies = 0
function copyOf(name: string): string {
  const directory = join(root, `case-${++copies}`)
  cpSync(join(root, name), directory, { recursive: true })
  return directory
}

/** Every name in the directory with a hash of what it holds. */
function fingerprint(directory: string): Record<string, string> {
  const names = readdirSync(directory).sort()
  const hash = (path: string): string =>
    statSync(path).isDirectory() ? 'directory' : createHash('sha256').update(readFileSync(path)).digest('hex')
  return Object.fromEntries(names.map((name) => [name, hash(join(directory, name))]))
}

function edit(path: string, change: (bytes: Buffer) => void): void {
  const bytes = readFileSync(path)
  change(bytes)
  writeFileSync(path, bytes)
}

function sql(path: string, statement: string): void {
  using db = new DatabaseSync(path)
  db.exec(statement)
}

const cut = (path: string, part: number): void => truncateSync(path, Math.floor(statSync(path).size * part))
const garbage = (path: string, from: number, length: number): void => {
  const rng = createRng(from)
  edit(path, (bytes) => {
    for (let i = from; i < from + length; i++) bytes[i] = rng.below(256)
  })
}
const FRAME = 24 + 4096
const damagedRow = `UPDATE objects SET value = '{"at":' WHERE key = 'idempotency/7'`

const CORPUS: readonly { name: string; of?: string; damage: (path: string) => void; says: string | RegExp }[] = [
  { name: 'an empty file', damage: (path) => truncateSync(path, 0), says: 'the file is empty' },
  { name: 'a file of one byte', damage: (path) => truncateSync(path, 1), says: 'not a SQLite database' },
  { name: 'half a header', damage: (path) => truncateSync(path, 50), says: 'not a SQLite database' },
  { name: 'a header and nothing else', damage: (path) => truncateSync(path, 100), says: 'damaged' },
  { name: 'a quarter of the file', damage: (path) => cut(path, 0.25), says: 'damaged' },
  { name: 'half of the file', damage: (path) => cut(path, 0.5), says: 'damaged' },
  { name: 'three quarters of the file', damage: (path) => cut(path, 0.75), says: 'damaged' },
  { name: 'all but the last byte', damage: (path) => truncateSync(path, statSync(path).size - 1), says: 'damaged' },
  { name: 'a text file', damage: (path) => writeFileSync(path, 'hello\n'.repeat(100)), says: 'not a SQLite database' },
  { name: 'zeros', damage: (path) => writeFileSync(path, Buffer.alloc(8192)), says: 'not a SQLite database' },
  {
    name: 'a flipped magic',
    damage: (path) => edit(path, (b) => b.writeUInt8(0x54, 0)),
    says: 'not a SQLite database',
  },
  { name: 'a flipped page size', damage: (path) => edit(path, (b) => b.writeUInt8(0x11, 16)), says: 'damaged' },
  { name: 'garbage in the schema page', damage: (path) => garbage(path, 100, 3_900), says: 'damaged' },
  { name: 'garbage in the second page', damage: (path) => garbage(path, 4_096, 4_096), says: 'damaged' },
  { name: 'garbage in the third page', damage: (path) => garbage(path, 2 * 4_096, 4_096), says: 'damaged' },
  { name: 'garbage in a later page', damage: (path) => garbage(path, 8 * 4_096, 4_096), says: 'damaged' },
  {
    name: 'two pages that changed places',
    damage: (path) =>
      edit(path, (b) => {
        const page = Buffer.from(b.subarray(6 * 4_096, 7 * 4_096))
        b.copy(b, 6 * 4_096, 7 * 4_096, 8 * 4_096)
        page.copy(b, 7 * 4_096)
      }),
    says: 'damaged',
  },
  {
    name: 'the database of another program',
    damage: (path) => {
      rmSync(path)
      sql(path, 'PRAGMA application_id = 252006674; CREATE TABLE t (x)')
    },
    says: 'another program (application id 0xf055112)',
  },
  {
    name: 'a database of nobody',
    damage: (path) => {
      rmSync(path)
      sql(path, 'CREATE TABLE t (x)')
    },
    says: 'another program (application id 0x0)',
  },
  { name: 'a newer format', damage: (path) => sql(path, 'PRAGMA user_version = 2'), says: 'a newer Gantry (format 2' },
  { name: 'a format that never was', damage: (path) => sql(path, 'PRAGMA user_version = 0'), says: 'format 0' },
  { name: 'a table less', damage: (path) => sql(path, 'DROP TABLE objects'), says: 'no such table' },
  { name: 'no meta row', damage: (path) => sql(path, 'DELETE FROM meta'), says: 'revision is damaged' },
  {
    name: 'another revision of the state',
    damage: (path) => sql(path, 'UPDATE meta SET revision = 7'),
    says: 'its revision is damaged',
  },
  { name: 'a value that changed', damage: (path) => sql(path, damagedRow), says: 'object idempotency/7 is damaged' },
  {
    name: 'an object from the future',
    damage: (path) =>
      sql(
        path,
        `UPDATE objects SET revision = 99, sum = ${rowSum('idempotency/7', 99, '{}')}, value = '{}' WHERE key = 'idempotency/7'`,
      ),
    says: 'object idempotency/7 has revision 99 of 52',
  },
  {
    name: 'an object of revision 0',
    damage: (path) =>
      sql(
        path,
        `UPDATE objects SET revision = 0, sum = ${rowSum('idempotency/7', 0, '{}')}, value = '{}' WHERE key = 'idempotency/7'`,
      ),
    says: 'object idempotency/7 has revision 0 of 52',
  },
  {
    name: 'a revision beyond every number',
    damage: (path) => sql(path, `UPDATE objects SET revision = 9223372036854775807 WHERE key = 'idempotency/7'`),
    says: 'damaged',
  },
  {
    name: 'a value that is no JSON, with a checksum that fits',
    damage: (path) =>
      sql(path, `UPDATE objects SET value = '{', sum = ${rowSum('idempotency/7', 7, '{')} WHERE key = 'idempotency/7'`),
    says: 'object idempotency/7 is not JSON',
  },
  {
    name: 'a directory in its place',
    damage: (path) => {
      rmSync(path)
      mkdirSync(path)
    },
    says: 'it is not a file',
  },
  {
    name: 'a rollback journal beside it',
    damage: (path) => writeFileSync(`${path}-journal`, 'x'),
    says: 'not of Gantry',
  },
  { name: 'a log without its file', of: 'hot', damage: (path) => rmSync(path), says: 'the file is missing' },
  {
    name: 'a log of garbage',
    damage: (path) => writeFileSync(`${path}-wal`, Buffer.alloc(9_999, 7)),
    says: 'not a write-ahead log',
  },
  {
    name: 'garbage over a log',
    of: 'hot',
    damage: (path) => garbage(`${path}-wal`, 0, 5_000),
    says: 'write-ahead log',
  },
  {
    name: 'a damaged log header',
    of: 'hot',
    damage: (path) => garbage(`${path}-wal`, 18, 2),
    says: 'header is damaged',
  },
  {
    name: 'a damaged first frame',
    of: 'hot',
    damage: (path) => garbage(`${path}-wal`, 100, 9),
    says: 'it breaks off before its last',
  },
  {
    name: 'a damaged frame amid',
    of: 'hot',
    damage: (path) => garbage(`${path}-wal`, 32 + 5 * FRAME + 500, 9),
    says: 'it breaks off',
  },
  {
    name: 'the log of another state',
    of: 'hot',
    damage: (path) => copyFileSync(join(root, 'other/state.db-wal'), `${path}-wal`),
    says: 'belongs to another state',
  },
  {
    name: 'the log of an older copy',
    of: 'steady',
    damage: (path) => copyFileSync(join(root, 'steady.db-wal'), `${path}-wal`),
    says: 'is older than the file',
  },
  {
    name: 'the log of a copy that was smaller',
    damage: (path) => copyFileSync(join(root, 'older/state.db-wal'), `${path}-wal`),
    says: /damaged|older/,
  },
  {
    name: 'a log of another page size',
    damage: (path) => {
      const other = join(root, `small-${++copies}.db`)
      sql(other, 'PRAGMA page_size = 512; PRAGMA journal_mode = WAL; PRAGMA locking_mode = EXCLUSIVE')
      using db = new DatabaseSync(other)
      db.exec('CREATE TABLE t (x)')
      copyFileSync(`${other}-wal`, `${path}-wal`)
    },
    says: 'another page size',
  },
  {
    name: 'a file from before, under the log of today',
    of: 'hot',
    damage: (path) => truncateSync(path, 4_096),
    says: 'damaged',
  },
]

test.each(CORPUS)('refuses $name and changes nothing', async ({ of = 'clean', damage, says }) => {
  const directory = copyOf(of)
  const path = join(directory, 'state.db')
  damage(path)
  const before = fingerprint(directory)
  const refusal = await SqliteStore.open(path).then(
    () => null,
    (error: unknown) => error,
  )
  expect(refusal).toMatchObject({ code: 'STORE_CORRUPT', traits: { exit: 78 }, message: expect.stringContaining(path) })
  expect((refusal as Error).message).toMatch(says)
  expect((refusal as { hint: string }).hint).toMatch(/backup/)
  expect(fingerprint(directory)).toEqual(before)
})

test('refuses a file that it may not read, and changes nothing', async () => {
  const directory = copyOf('clean')
  chmodSync(root, 0o755)
  chmodSync(directory, 0o755)
  chmodSync(join(directory, 'state.db'), 0)
  const before = statSync(join(directory, 'state.db'))
  // The mode of a file means nothing to root, so root steps down for a moment.
  const isRoot = process.geteuid?.() === 0
  if (isRoot) process.seteuid?.(65_534)
  try {
    await expect(SqliteStore.open(join(directory, 'state.db'))).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      message: expect.stringContaining('permission denied'),
      hint: expect.stringContaining('user'),
    })
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
  expect(statSync(join(directory, 'state.db')).mtimeMs).toBe(before.mtimeMs)
})

const SOUND: readonly { name: string; of: string; change: (path: string) => void; newest: number }[] = [
  { name: 'a state that was closed', of: 'clean', change: () => undefined, newest: FIRST + LATER },
  { name: 'a state whose process was killed', of: 'hot', change: () => undefined, newest: FIRST + LATER },
  {
    name: 'a log with a torn tail',
    of: 'hot',
    change: (path) => appendFileSync(`${path}-wal`, Buffer.alloc(3_000, 9)),
    newest: FIRST + LATER,
  },
  {
    name: 'a log whose last transaction never became whole',
    of: 'hot',
    change: (path) => truncateSync(`${path}-wal`, statSync(`${path}-wal`).size - 10),
    newest: FIRST + LATER - 1,
  },
  {
    name: 'a log that was never begun',
    of: 'clean',
    change: (path) => writeFileSync(`${path}-wal`, ''),
    newest: FIRST + LATER,
  },
  {
    name: 'what a killed check left behind',
    of: 'clean',
    change: (path) => mkdirSync(join(path, '../.state.db-XXXXXX')),
    newest: FIRST + LATER,
  },
]

test.each(SOUND)('opens $name, with everything in it', async ({ of, change, newest }) => {
  const path = join(copyOf(of), 'state.db')
  change(path)
  const store = await SqliteStore.open(path)
  const { revision, records } = await store.load()
  expect([revision, records.length]).toEqual([newest, newest])
  expect((await fill(store, 100, 100)).revision).toBe(newest + 1)
  await store.close()
  expect(readdirSync(join(path, '..'))).toEqual(['state.db'])
})

test('no flipped bit makes another truth: the state is refused, or read as it was and written to', async () => {
  const path = join(copyOf('clean'), 'state.db')
  const bytes = readFileSync(path)
  const sound = await SqliteStore.open(path)
  const truth = await sound.load()
  await sound.close()
  const rng = createRng(11)
  let refused = 0
  for (let round = 0; round < 150; round++) {
    const flipped = Buffer.from(bytes)
    // Half of the flips hit the header, which matters most and is small.
    const at = rng.below(round % 2 === 0 ? bytes.length : 100)
    flipped[at] = (flipped[at] ?? 0) ^ (1 << rng.below(8))
    const directory = join(root, `flip-${round}`)
    mkdirSync(directory)
    writeFileSync(join(directory, 'state.db'), flipped)
    const opened = await SqliteStore.open(join(directory, 'state.db')).catch((error: unknown) => error)
    if (opened instanceof SqliteStore) {
      const unchanged = isDeepStrictEqual(await opened.load(), truth)
      const { revision } = await fill(opened, 1, 1)
      expect({ at, unchanged, revision }).toEqual({ at, unchanged: true, revision: truth.revision + 1 })
      await opened.close()
    } else {
      expect({ at, error: opened }).toMatchObject({ at, error: { code: 'STORE_CORRUPT' } })
      expect(readFileSync(join(directory, 'state.db')).equals(flipped)).toBe(true)
      refused++
    }
  }
  expect(refused).toBeGreaterThan(75)
})

test('a new state is made whole: private, complete, and nothing else', async () => {
  const directory = join(root, 'new/data')
  const store = await SqliteStore.open(join(directory, 'state.db'))
  const modes = readdirSync(directory).map((name) => [name, statSync(join(directory, name)).mode & 0o777])
  expect(Object.fromEntries(modes)).toEqual({ 'state.db': 0o600, 'state.db-wal': 0o600 })
  expect(statSync(directory).mode & 0o777).toBe(0o700)
  await store.close()
  expect(readdirSync(directory)).toEqual(['state.db'])
})

test('a state that was moved to another directory is the same state', async () => {
  const directory = copyOf('clean')
  renameSync(directory, `${directory}-moved`)
  const store = await SqliteStore.open(join(`${directory}-moved`, 'state.db'))
  expect((await store.load()).revision).toBe(FIRST + LATER)
  await store.close()
})

test('checksums bind a row to its key and revision', () => {
  const sums = [rowSum('a', 1, 'x'), rowSum('b', 1, 'x'), rowSum('a', 2, 'x'), rowSum('a', 1, 'y'), metaSum('a', 1)]
  expect(new Set(sums).size).toBe(sums.length)
})
