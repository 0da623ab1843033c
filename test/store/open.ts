import { SqliteStore } from '../../src/store/sqlite.ts'

/** Opens a state and says what came of it. */
const [path = ''] = process.argv.slice(2)
try {
  const store = await SqliteStore.open(path)
  await store.close()
  process.stdout.write('opened')
} catch (error) {
  const { code, message } = error as { code: string; message: string }
  process.stdout.write(`${code} ${message}`)
}
