import { SqliteStore } from '../../src/store/sqlite.ts'

/**
 * Commits as fast as it can, many at a time, and prints the number of each commit that was acknowledged, until it is
 * killed. Each commit writes two objects and an event, so that half of one would show.
 */
const [path = '', writers = '8'] = process.argv.slice(2)
const store = await SqliteStore.open(path)
const { revision } = await store.load()
let next = revision + 1

async function write(): Promise<void> {
  for (;;) {
    const n = next++
    const value = { name: `${n}`, attemptFloor: n, retryAt: null }
    const event = { kind: 'node.changed', object: 'node/1', service: null, message: `${n}`, by: 'test', at: n } as const
    const outcome = await store.commit({
      epoch: null,
      expect: [],
      writes: [
        { put: `service/a${n}`, value },
        { put: `service/b${n}`, value },
      ],
      events: [event],
    })
    if (outcome.kind === 'committed') process.stdout.write(`${n}\n`)
  }
}

await Promise.all(Array.from({ length: Number(writers) }, write))
