import { join } from 'node:path'
import { durableText } from '../drivers/durable-text.ts'
import { requireDataPlace } from './data-dir.ts'

/** What the node of this data directory was called when it started last; null: it never did. Throws CONFIG_INVALID. */
export async function keptName(dataDir: string): Promise<string | null> {
  requireDataPlace(dataDir)
  const text = await durableText(join(dataDir, 'name')).read()
  return text === null || text.trim() === '' ? null : text.trim()
}

/** Keeps what this node is called for the next start, which may not say it, and whose host may be called something else. */
export async function keepName(dataDir: string, name: string): Promise<void> {
  await durableText(join(dataDir, 'name')).write(`${name}\n`)
}
