import { OperationalError } from '../../core/errors.ts'
import type { StoreRevision } from '../../core/model/ids.ts'
import type { Key } from '../../core/model/objects.ts'
import type { ChangeBatch, StoreRecord } from '../../ports/store.ts'
import type { Client } from './client.ts'
import { corrupt } from './failures.ts'
import type { Head, Layout } from './format.ts'
import { decodeEntry, decodeHead, decodeObject, keyOfNode } from './format.ts'
import { View } from './view.ts'

/** Questions in flight at once: enough to keep the server busy, few enough for it to go on with others. */
const IN_FLIGHT = 256
/** Each try fails only when the log was cut, or a large object written anew, while everything was read. */
const TRIES = 10

/** The head and its node's version. */
export interface HeadState {
  readonly head: Head
  readonly version: number
}

/** Throws STORE_CORRUPT when the head is gone, foreign or newer. */
export async function readHead(client: Client, layout: Layout, onChange?: () => void): Promise<HeadState> {
  const node = await client.get(layout.head, onChange)
  if (node === null) throw corrupt(layout.root, 'its head is gone')
  return { head: decodeHead(layout.root, node.data), version: node.version }
}

/**
 * Reads everything, as of one revision. The objects are read while others write; the log of what they wrote meanwhile is
 * then replayed over them, and what comes out is the state at the log's end, whatever had been read of it before.
 */
export async function readState(client: Client, layout: Layout): Promise<View> {
  for (let tried = 0; tried < TRIES; tried++) {
    await client.sync(layout.head)
    const before = await readHead(client, layout)
    const { kinds, records } = await readObjects(client, layout)
    const after = await readHead(client, layout)
    const batches = await readLog(client, layout, before.head.revision, after.head.revision)
    if (batches === null) continue
    const { storeId, revision } = before.head
    if (after.head.storeId !== storeId) throw corrupt(layout.root, 'it became another state while it was read')
    const view = new View(storeId, { revision, records }, after.version, kinds)
    for (const batch of batches) view.take(batch)
    return view
  }
  throw new OperationalError('UNAVAILABLE', `cannot read the state in ZooKeeper at ${layout.root}: it changes too fast`)
}

/** What the commits after one revision and up to another one changed; null: it is not known any more. */
export async function readLog(
  client: Client,
  layout: Layout,
  after: StoreRevision,
  upTo: StoreRevision,
): Promise<readonly ChangeBatch[] | null> {
  const revisions = Array.from({ length: Math.max(upTo - after, 0) }, (_, i) => after + 1 + i)
  const batches = await inParts(revisions, (revision) => readEntry(client, layout, revision))
  const known = batches.filter((batch) => batch !== null)
  return known.length === batches.length ? known : null
}

async function readEntry(client: Client, layout: Layout, revision: StoreRevision): Promise<ChangeBatch | null> {
  const node = await client.get(layout.entry(revision))
  if (node === null) return null
  const changes: ChangeBatch['changes'][number][] = []
  for (const { key, value } of decodeEntry(layout.root, revision, node.data)) {
    if (value !== undefined) {
      changes.push({ key, value })
      continue
    }
    const record = await readObject(client, layout, key)
    if (record?.revision !== revision) return null
    changes.push({ key, value: record.value })
  }
  return { revision, changes }
}

/** Every object that is there, read one by one: of one revision only while nobody writes. */
export async function readObjects(
  client: Client,
  layout: Layout,
): Promise<{ readonly kinds: readonly string[]; readonly records: readonly StoreRecord[] }> {
  const kinds = (await client.children(layout.objects)) ?? []
  const keys: Key[] = []
  for (const kind of kinds) {
    for (const name of (await client.children(layout.kind(kind))) ?? []) keys.push(keyOfNode(layout, kind, name))
  }
  const records = await inParts(keys, (key) => readObject(client, layout, key))
  return { kinds, records: records.filter((record) => record !== null) }
}

async function readObject(client: Client, layout: Layout, key: Key): Promise<StoreRecord | null> {
  const node = await client.get(layout.object(key))
  return node === null ? null : decodeObject(layout.root, key, node.data)
}

async function inParts<T, R>(items: readonly T[], read: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let i = 0; i < items.length; i += IN_FLIGHT) {
    results.push(...(await Promise.all(items.slice(i, i + IN_FLIGHT).map(read))))
  }
  return results
}
