import type { Rng } from '../../lib/rng.ts'
import { drawHex } from '../draw-hex.ts'
import { unfinished } from '../unfinished.ts'
import type { EtcdConnection } from './connection.ts'
import type { Compare, Op } from './kv-messages.ts'
import type { Head, Layout } from './layout.ts'
import { corrupt, encodeHead, FORMAT_VERSION } from './layout.ts'
import { TXN } from './methods.ts'

/**
 * Makes an empty state where nothing is yet; leaves alone what is there. Throws an EtcdFailure, or STORE_CORRUPT when
 * the namespace holds something, but no state of Gantry.
 */
export async function createState(connection: EtcdConnection, layout: Layout, rng: Rng): Promise<void> {
  const head: Head = {
    format: FORMAT_VERSION,
    store: drawHex(rng),
    revision: 0,
    first: 1,
    writer: '',
    turn: 0,
    deleted: {},
  }
  const nothing: Compare = { ...layout.everything, target: 'create', revision: 0 }
  const put: Op = { kind: 'put', key: layout.head, value: encodeHead(head) }
  const look: Op = { kind: 'range', range: { key: layout.head, keysOnly: true } }
  const mark: Op = { kind: 'range', range: { key: layout.intake, keysOnly: true } }
  const first: Op = { kind: 'range', range: { ...layout.everything, limit: 1, keysOnly: true } }
  // Sent again when the answer was lost: it does nothing where something is.
  const answer = await connection.ask(TXN, { compare: [nothing], success: [put], failure: [look, mark, first] })
  if (answer.succeeded) return
  const [found, begun, any] = answer.ranges
  if (begun?.kvs.length === 1) throw unfinished(`etcd under ${layout.namespace}`)
  if (found?.kvs.length === 0) {
    throw corrupt(layout, `it holds ${any?.kvs[0]?.key}, but no state of Gantry`)
  }
}
