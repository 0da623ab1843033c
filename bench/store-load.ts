import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { ObjectTypes } from '../src/core/model/objects.ts'
import type { Store } from '../src/ports/store.ts'
import { SqliteStore } from '../src/store/sqlite.ts'
import type { Measured } from './frame.ts'
import { quantile } from './frame.ts'

/** Objects that each writer goes round. */
const OBJECTS = 16

/** 256 bytes as JSON; no two are alike, because SQLite does not write a page that stays as it is. */
export function aValue(n: number): ObjectTypes['idempotency'] {
  return { requestHash: '0123456789abcdef', status: 200, body: 'x'.repeat(180), at: 1_700_000_000_000 + n }
}

/** Name of what a writer writes as its nth. */
export function aName(writer: number, n: number): string {
  return `${writer}-${n % OBJECTS}`
}

/** So many writers, each of which writes so often, one write after the other: writes per second, and their latencies. */
export async function writeFrom(
  writers: number,
  times: number,
  writeOne: (writer: number, n: number) => Promise<unknown>,
): Promise<Measured> {
  const latencies: number[] = []
  const write = async (writer: number): Promise<void> => {
    for (let n = 0; n < times; n++) {
      const start = performance.now()
      await writeOne(writer, n)
      latencies.push(performance.now() - start)
    }
  }
  const start = performance.now()
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)))
  const seconds = (performance.now() - start) / 1_000
  latencies.sort((a, b) => a - b)
  const also = { 'p50 ms': quantile(latencies, 0.5), 'p99 ms': quantile(latencies, 0.99) }
  return { value: (writers * times) / seconds, also }
}

/** The same by commits of our store, each of which writes one object. */
export function commitFrom(store: Store, writers: number, times: number): Promise<Measured> {
  return writeFrom(writers, times, async (writer, n) => {
    const writes = [{ put: `idempotency/${aName(writer, n)}`, value: aValue(n) }] as const
    const outcome = await store.commit({ epoch: null, expect: [], writes, events: [] })
    if (outcome.kind !== 'committed') throw new Error(`a commit was ${outcome.kind}`)
  })
}

/** Our store on SQLite, in a new file. */
export function sqliteCommits(writers: number, times: number): Promise<Measured> {
  return inDirectory(async (directory) => {
    const store = await SqliteStore.open(join(directory, 'state.db'))
    const measured = await commitFrom(store, writers, times)
    await store.close()
    return measured
  })
}

/** One transaction for each write on bare SQLite, at the same durability. */
export function bareSqlite(times: number): Promise<Measured> {
  return inDirectory(async (directory) => {
    using db = new DatabaseSync(join(directory, 'peer.db'))
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    db.exec('CREATE TABLE objects (key TEXT PRIMARY KEY, value TEXT NOT NULL)')
    const put = db.prepare('INSERT INTO objects VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value')
    const start = performance.now()
    for (let n = 0; n < times; n++) put.run(`idempotency/${n % 1024}`, JSON.stringify(aValue(n)))
    return { value: times / ((performance.now() - start) / 1_000) }
  })
}

/** On the disk that holds temporary files: one that lives in memory would flatter both sides. */
async function inDirectory(measure: (directory: string) => Promise<Measured>): Promise<Measured> {
  const directory = mkdtempSync(join(tmpdir(), 'gantry-bench-'))
  try {
    return await measure(directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}
