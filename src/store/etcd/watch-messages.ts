import type { KeyValue } from './kv-messages.ts'
import { decodeHeader, decodeKeyValue } from './kv-messages.ts'
import { WireReader, WireWriter } from './wire.ts'

/** Asks for every change of the keys from `key` up to, not including, `rangeEnd`. */
export interface WatchRequest {
  readonly key: string
  readonly rangeEnd?: string
  /** etcd's revision of the first change that is wanted. */
  readonly startRevision: number
}

export interface WatchEvent {
  readonly kind: 'put' | 'delete'
  readonly kv: KeyValue
}

export interface WatchAnswer {
  /** etcd's revision when it was sent. */
  readonly revision: number
  readonly created: boolean
  readonly canceled: boolean
  /** Greater than 0: what came before this revision of etcd is forgotten, and the watch wanted it. */
  readonly compactRevision: number
  readonly cancelReason: string
  /** More of the same answer follows. */
  readonly fragment: boolean
  readonly events: readonly WatchEvent[]
}

/** Large answers come in fragments, and an idle watch tells now and then how far it is. */
export function encodeWatch({ key, rangeEnd, startRevision }: WatchRequest): Buffer {
  const create = new WireWriter()
    .text(1, key)
    .text(2, rangeEnd ?? '')
    .int(3, startRevision)
    .int(4, true)
    .int(8, true)
  return new WireWriter().message(1, create.finish()).finish()
}

export function decodeWatchAnswer(bytes: Buffer): WatchAnswer {
  const reader = new WireReader(bytes)
  const events: WatchEvent[] = []
  const answer = { revision: 0, created: false, canceled: false, compactRevision: 0, cancelReason: '', fragment: false }
  while (reader.next()) {
    if (reader.field === 1) answer.revision = decodeHeader(reader.bytes())
    else if (reader.field === 3) answer.created = reader.bool()
    else if (reader.field === 4) answer.canceled = reader.bool()
    else if (reader.field === 5) answer.compactRevision = reader.int()
    else if (reader.field === 6) answer.cancelReason = reader.text()
    else if (reader.field === 7) answer.fragment = reader.bool()
    else if (reader.field === 11) events.push(decodeEvent(reader.bytes()))
    else reader.skip()
  }
  return { ...answer, events }
}

function decodeEvent(bytes: Buffer): WatchEvent {
  const reader = new WireReader(bytes)
  let kind: WatchEvent['kind'] = 'put'
  let kv: KeyValue = { key: '', value: Buffer.alloc(0), createRevision: 0, modRevision: 0 }
  while (reader.next()) {
    if (reader.field === 1) kind = reader.int() === 1 ? 'delete' : 'put'
    else if (reader.field === 2) kv = decodeKeyValue(reader.bytes())
    else reader.skip()
  }
  return { kind, kv }
}
