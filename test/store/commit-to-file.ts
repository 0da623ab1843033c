import { fdatasyncSync, openSync, writeSync } from 'node:fs'
import { setTimeout as pause, setImmediate } from 'node:timers/promises'
import { systemClock } from '../../src/drivers/clock.ts'
import { systemRng } from '../../src/drivers/rng.ts'
import { openStore, type StoreOptions } from '../../src/main/open-store.ts'
import type { Store } from '../../src/ports/store.ts'

/**
 * Commits as fast as it can, many at a time, until it is killed. Every commit writes an object and an event of a name of
 * its own. What is acknowledged goes to a file, `<revision> <name>` a line, and is on disk before its writer goes on.
 */
const [options = '', path = '', run = '', writers = '16'] = process.argv.slice(2)
const RETRY_MS = 20
const file = openSync(path, 'a')
let next = 0
let lines: string[] = []
let flushed: Promise<void> | null = null

async function flush(): Promise<void> {
  // Together with all that is acknowledged in this turn.
  await setImmediate()
  const text = lines.join('')
  lines = []
  flushed = null
  writeSync(file, text)
  fdatasyncSync(file)
}

function note(line: string): Promise<void> {
  lines.push(line)
  flushed ??= flush()
  return flushed
}

async function open(): Promise<Store> {
  for (;;) {
    try {
      return await openStore(JSON.parse(options) as StoreOptions, { clock: systemClock(), rng: systemRng() })
    } catch (error) {
      if (!isUnavailable(error)) throw error
      await pause(RETRY_MS)
    }
  }
}

function isUnavailable(error: unknown): boolean {
  return (error as { code?: string }).code === 'UNAVAILABLE'
}

async function commit(store: Store, name: string): Promise<number | null> {
  const value = { name, attemptFloor: 1, retryAt: null }
  const event = { kind: 'node.changed', object: 'node/1', service: null, message: name, by: 'test', at: 1 } as const
  const writes = [{ put: `service/${name}`, value }] as const
  try {
    const outcome = await store.commit({ epoch: null, expect: [], writes, events: [event] })
    if (outcome.kind === 'committed') return outcome.revision
    if (outcome.kind !== 'unknown') throw new Error(`${name}: ${outcome.kind}`)
  } catch (error) {
    if (!isUnavailable(error)) throw error
    await pause(RETRY_MS)
  }
  return null
}

const store = await open()
const write = async (): Promise<void> => {
  for (;;) {
    const name = `r${run}-${next++}`
    const revision = await commit(store, name)
    if (revision !== null) await note(`${revision} ${name}\n`)
  }
}
await Promise.all(Array.from({ length: Number(writers) }, write))
