import type { Epoch, Millis } from '../../core/model/ids.ts'
import { LEADERSHIP_KEY } from '../../core/model/objects.ts'
import type { StoreRecord } from '../../ports/store.ts'
import type { EtcdConnection } from './connection.ts'
import { isCompacted } from './failure.ts'
import type { KeyValue } from './kv-messages.ts'
import type { Head, Layout } from './layout.ts'
import { corrupt, decodeHead, decodeObject } from './layout.ts'
import { RANGE } from './methods.ts'

/** Keys per page. Objects are a few kilobytes, a few of them half a megabyte. */
const PAGE = 500
/** A page may come too late for a revision that is compacted meanwhile; then all begins anew. */
const MAX_TRIES = 5

/** Everything under a namespace, at one moment. */
export interface Listing {
  readonly head: Head
  /** etcd's revision of the transaction that wrote the head. */
  readonly headMod: number
  /** etcd's revision at which it was read. */
  readonly at: number
  readonly epoch: Epoch
  /** etcd's revision of the leadership object; 0: there is none. */
  readonly leadershipMod: number
  readonly records: readonly StoreRecord[]
}

/**
 * Reads the whole state at one revision of etcd. Throws an EtcdFailure, or STORE_CORRUPT for what Gantry did not write.
 */
export async function listState(connection: EtcdConnection, layout: Layout, deadlineAt?: Millis): Promise<Listing> {
  for (let tries = 1; ; tries++) {
    try {
      return decode(layout, await readPages(connection, layout, deadlineAt))
    } catch (error) {
      if (!isCompacted(error) || tries === MAX_TRIES) throw error
    }
  }
}

interface Pages {
  readonly kvs: readonly KeyValue[]
  readonly at: number
}

async function readPages(connection: EtcdConnection, layout: Layout, deadlineAt?: Millis): Promise<Pages> {
  let { key } = layout.state
  const { rangeEnd } = layout.state
  const kvs: KeyValue[] = []
  let revision = 0
  for (;;) {
    const page = await connection.ask(RANGE, { key, rangeEnd, limit: PAGE, revision }, deadlineAt)
    kvs.push(...page.kvs)
    if (revision === 0) revision = page.revision
    const last = page.kvs.at(-1)
    if (!page.more || last === undefined) return { kvs, at: revision }
    key = `${last.key}\0`
  }
}

function decode(layout: Layout, { kvs, at }: Pages): Listing {
  const [first, ...objects] = kvs
  if (first?.key !== layout.head) throw corrupt(layout, `${layout.head} is missing`)
  const head = decodeHead(layout, first.value)
  const records: StoreRecord[] = []
  let epoch = 0
  let leadershipMod = 0
  for (const kv of objects) {
    const key = layout.objectOf(kv.key)
    const object = decodeObject(kv.value)
    if (key === null || object === null) throw corrupt(layout, `${kv.key} was not written by Gantry`)
    if (object.revision < 1 || object.revision > head.revision) {
      throw corrupt(layout, `${kv.key} has revision ${object.revision} of ${head.revision}`)
    }
    const record = { key, value: object.value, revision: object.revision } as StoreRecord
    if (key === LEADERSHIP_KEY) {
      leadershipMod = kv.modRevision
      epoch = (record as StoreRecord<'leadership'>).value.epoch
    }
    records.push(record)
  }
  return { head, headMod: first.modRevision, at, epoch, leadershipMod, records }
}
