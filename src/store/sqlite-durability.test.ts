import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createRng } from '../lib/rng.ts'
import { SqliteStore } from './sqlite.ts'

const ROUNDS = 20
const program = join(process.cwd(), 'test/store/commit-until-killed.ts')

/** Runs the writer until it has acknowledged so many commits, kills it in full flight, returns all it acknowledged. */
async function writeAndKill(path: string, acknowledgements: number, writers: number): Promise<number[]> {
  const child = spawn(process.execPath, [program, path, `${writers}`], { stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  let output = ''
  let seen = 0
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (text: string) => {
    output += text
    seen += text.split('\n').length - 1
    if (seen >= acknowledgements) child.kill('SIGKILL')
  })
  await closed
  expect(seen).toBeGreaterThanOrEqual(acknowledgements)
  // The last line may be cut off by the kill; what was not said was not acknowledged.
  return output.split('\n').slice(0, -1).map(Number)
}

test('after kill -9 every acknowledged commit is there, and none is half there', { timeout: 60_000 }, async () => {
  const rng = createRng(7)
  const directory = mkdtempSync(join(tmpdir(), 'gantry-kill-'))
  const path = join(directory, 'state.db')
  const acknowledged = new Set<number>()
  for (let round = 0; round < ROUNDS; round++) {
    for (const n of await writeAndKill(path, 1 + rng.below(400), 1 + rng.below(16))) acknowledged.add(n)
  }
  const store = await SqliteStore.open(path)
  const { revision, records } = await store.load()
  await store.close()
  rmSync(directory, { recursive: true })

  const parts = new Map<number, string[]>()
  for (const { key, value, revision: written } of records) {
    expect(written).toBeLessThanOrEqual(revision)
    const n = 'message' in value ? Number(value.message) : 'attemptFloor' in value ? value.attemptFloor : Number.NaN
    parts.set(n, [...(parts.get(n) ?? []), key[0] === 'e' ? 'event' : (key[8] ?? '')])
  }
  expect([...acknowledged].filter((n) => !parts.has(n))).toEqual([])
  for (const [n, found] of parts) expect({ n, found: found.sort() }).toEqual({ n, found: ['a', 'b', 'event'] })
})
