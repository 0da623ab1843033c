import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { ObjectTypes } from '../src/core/model/objects.ts'
import { SqliteStore } from '../src/store/sqlite.ts'
import type { BenchResult, Measured } from './frame.ts'
import { contend, quantile } from './frame.ts'

const WRITERS = 64
const COMMITS = 400
const PEER_COMMITS = 3_000
/** Objects that each writer goes round. */
const OBJECTS = 16

/** 256 bytes as JSON; no two are alike, because SQLite does not write a page that stays as it is. */
function aValue(n: number): ObjectTypes['idempotency'] {
  return { requestHash: '0123456789abcdef', status: 200, body: 'x'.repeat(180), at: 1_700_000_000_000 + n }
}

/** Many writers to our store against one transaction per write on bare SQLite, at the same durability. */
export async function run(): Promise<BenchResult> {
  return contend({
    name: 'store',
    unit: 'commits/s',
    ours: () => inDirectory(groupCommits),
    peer: () => inDirectory(async (directory) => singleCommits(directory)),
    judge: (ratio, also) => ({
      met: ratio.median >= 10 && (also['p99 ms']?.median ?? Number.NaN) <= 5,
      goal: 'ten times as many commits per second, 99 % of them within 5 ms',
    }),
  })
}

async function groupCommits(directory: string): Promise<Measured> {
  const store = await SqliteStore.open(join(directory, 'state.db'))
  const latencies: number[] = []
  const write = async (writer: number): Promise<void> => {
    for (let n = 0; n < COMMITS; n++) {
      const key = `idempotency/${writer}-${n % OBJECTS}` as const
      const start = performance.now()
      await store.commit({ epoch: null, expect: [], writes: [{ put: key, value: aValue(n) }], events: [] })
      latencies.push(performance.now() - start)
    }
  }
  const start = performance.now()
  await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)))
  const seconds = (performance.now() - start) / 1_000
  await store.close()
  latencies.sort((a, b) => a - b)
  const also = { 'p50 ms': quantile(latencies, 0.5), 'p99 ms': quantile(latencies, 0.99) }
  return { value: (WRITERS * COMMITS) / seconds, also }
}

function singleCommits(directory: string): Measured {
  using db = new DatabaseSync(join(directory, 'peer.db'))
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  db.exec('CREATE TABLE objects (key TEXT PRIMARY KEY, value TEXT NOT NULL)')
  const put = db.prepare('INSERT INTO objects VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value')
  const start = performance.now()
  for (let n = 0; n < PEER_COMMITS; n++) put.run(`idempotency/${n % (WRITERS * OBJECTS)}`, JSON.stringify(aValue(n)))
  return { value: PEER_COMMITS / ((performance.now() - start) / 1_000) }
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
