import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { Store } from '../../src/ports/store.ts'
import { SqliteStore } from '../../src/store/sqlite.ts'

/**
 * Fills a file system of its own, of one megabyte, and prints what the store says before, while and after it is full.
 * To be run in a mount namespace of its own, so that nothing of it outlives the process.
 */
const [directory = ''] = process.argv.slice(2)
execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', directory])
const path = join(directory, 'state.db')
let store = await SqliteStore.open(path)
const batches: number[] = []
store.watch(
  0,
  ({ revision }) => batches.push(revision),
  () => undefined,
)

function put(n: number, bytes = 20_000): ReturnType<Store['commit']> {
  const value = { requestHash: `${n}`, status: 200, body: 'x'.repeat(bytes), at: n }
  return store.commit({ epoch: null, expect: [], writes: [{ put: `idempotency/${n}`, value }], events: [] })
}

const acknowledged: number[] = []
let refusal: unknown = null
for (let n = 1; refusal === null; n++) {
  const group = await Promise.allSettled([put(2 * n), put(2 * n + 1)])
  group.forEach((result, index) => {
    if (result.status === 'rejected') refusal = result.reason
    else if (result.value.kind === 'committed') acknowledged.push(2 * n + index)
  })
}
const whileFull = await store.load()
const again = await put(9_001, 400_000).then(
  ({ kind }) => kind,
  (error: { code: string }) => error.code,
)

execFileSync('mount', ['-o', 'remount,size=8m', 'none', directory])
const afterwards = await put(9_002)
await store.close()
store = await SqliteStore.open(path)
const reopened = await store.load()
await store.close()

const keys = (snapshot: typeof reopened): number[] => snapshot.records.map(({ key }) => Number(key.split('/')[1]))
const result = {
  acknowledged,
  refusal: (refusal as { code?: string }).code,
  whileFull: keys(whileFull),
  again,
  afterwards: afterwards.kind,
  reopened: keys(reopened),
  batches,
}
process.stdout.write(JSON.stringify(result))
