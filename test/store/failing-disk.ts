import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Store } from '../../src/ports/store.ts'
import { SqliteStore } from '../../src/store/sqlite.ts'

/**
 * Makes every write beyond a size fail with an I/O error, by the limit that the kernel keeps per process, and prints
 * what the store says before, while and after.
 */
const [directory = ''] = process.argv.slice(2)
// Without a listener the signal that goes with the error would end the process.
process.on('SIGXFSZ', () => undefined)
const path = join(directory, 'state.db')
const store = await SqliteStore.open(path)
const batches: number[] = []
store.watch(
  0,
  ({ revision }) => batches.push(revision),
  () => undefined,
)

function limitFileSize(bytes: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', `${process.pid}`, `--fsize=${bytes}:unlimited`])
}

async function put(n: number, bytes: number): Promise<string> {
  const value = { requestHash: `${n}`, status: 200, body: 'x'.repeat(bytes), at: n }
  const writes = [{ put: `idempotency/${n}`, value }] as const
  try {
    return (await store.commit({ epoch: null, expect: [], writes, events: [] })).kind
  } catch (error) {
    return (error as { code: string }).code
  }
}

async function keys(from: Store): Promise<string> {
  return (await from.load()).records.map(({ key }) => key.split('/')[1]).join(' ')
}

const said: string[] = []
said.push(await put(1, 50_000))
// Opening anew writes the log back and begins a new, short one: the store finds out at once that nothing landed.
limitFileSize(statSync(`${path}-wal`).size - 1)
said.push(await put(2, 100), await put(3, 100))
limitFileSize('unlimited')
await put(4, 200_000)
// Now the log is too large to be written back, so the file cannot be opened and nobody knows.
limitFileSize(statSync(`${path}-wal`).size + 20_000)
said.push(await put(5, 100_000), await put(6, 100))
said.push(await keys(store).catch((error: { code: string }) => error.code))
limitFileSize('unlimited')
said.push(await keys(store), await put(7, 100))
await store.close()
const reopened = await SqliteStore.open(path)
said.push(await keys(reopened))
await reopened.close()
process.stdout.write(JSON.stringify({ said, batches }))
