import { WireReader, WireWriter } from './wire.ts'

/** One key as etcd holds it. */
export interface KeyValue {
  readonly key: string
  readonly value: Buffer
  /** etcd's revision that made the key. */
  readonly createRevision: number
  /** etcd's revision that changed the key last. */
  readonly modRevision: number
}

/** Reads keys; with `rangeEnd` all from `key` up to, not including, that one. */
export interface RangeRequest {
  readonly key: string
  readonly rangeEnd?: string
  /** 0: all. */
  readonly limit?: number
  /** etcd's revision to read at; 0: the newest. */
  readonly revision?: number
  readonly keysOnly?: boolean
  /** Newest first, by creation. */
  readonly newestCreatedFirst?: boolean
  readonly maxCreateRevision?: number
}

export interface RangeResponse {
  /** etcd's revision at which it was read. */
  readonly revision: number
  readonly kvs: readonly KeyValue[]
  /** There are more than the limit. */
  readonly more: boolean
}

/** Holds when the key was changed last, or made, at exactly this revision of etcd; 0: there is no such key. */
export interface Compare {
  readonly key: string
  /** Holds only if it does for every key up to this one. */
  readonly rangeEnd?: string
  readonly target: 'mod' | 'create'
  readonly revision: number
}

export type Op =
  | { readonly kind: 'put'; readonly key: string; readonly value: string; readonly lease?: bigint }
  | { readonly kind: 'delete'; readonly key: string; readonly rangeEnd?: string }
  | { readonly kind: 'range'; readonly range: RangeRequest }
  | { readonly kind: 'txn'; readonly txn: TxnRequest }

/** Does all of `success` if every comparison holds, else all of `failure`; in one step. */
export interface TxnRequest {
  readonly compare: readonly Compare[]
  readonly success: readonly Op[]
  readonly failure: readonly Op[]
}

export interface TxnResponse {
  /** etcd's revision after it; of what was written, if something was. */
  readonly revision: number
  readonly succeeded: boolean
  /** What the ranges of the chosen branch read, in their order. */
  readonly ranges: readonly RangeResponse[]
}

const DESCENDING = 2
const BY_CREATION = 2
const TARGETS = { create: { target: 1n, field: 5 }, mod: { target: 2n, field: 6 } } as const

export function encodeRange(request: RangeRequest): Buffer {
  const writer = new WireWriter()
    .text(1, request.key)
    .text(2, request.rangeEnd ?? '')
    .int(3, request.limit ?? 0)
    .int(4, request.revision ?? 0)
  if (request.newestCreatedFirst === true) writer.int(5, DESCENDING).int(6, BY_CREATION)
  return writer
    .int(8, request.keysOnly ?? false)
    .int(13, request.maxCreateRevision ?? 0)
    .finish()
}

export function decodeRange(bytes: Buffer): RangeResponse {
  const reader = new WireReader(bytes)
  const kvs: KeyValue[] = []
  let revision = 0
  let more = false
  while (reader.next()) {
    if (reader.field === 1) revision = decodeHeader(reader.bytes())
    else if (reader.field === 2) kvs.push(decodeKeyValue(reader.bytes()))
    else if (reader.field === 3) more = reader.bool()
    else reader.skip()
  }
  return { revision, kvs, more }
}

export function encodeTxn(txn: TxnRequest): Buffer {
  const writer = new WireWriter()
  for (const compare of txn.compare) writer.message(1, encodeCompare(compare))
  for (const op of txn.success) writer.message(2, encodeOp(op))
  for (const op of txn.failure) writer.message(3, encodeOp(op))
  return writer.finish()
}

export function decodeTxn(bytes: Buffer): TxnResponse {
  const reader = new WireReader(bytes)
  const ranges: RangeResponse[] = []
  let revision = 0
  let succeeded = false
  while (reader.next()) {
    if (reader.field === 1) revision = decodeHeader(reader.bytes())
    else if (reader.field === 2) succeeded = reader.bool()
    else if (reader.field === 3) ranges.push(...decodeResponseOp(reader.bytes()))
    else reader.skip()
  }
  return { revision, succeeded, ranges }
}

/** The header that every answer carries; only the revision matters here. */
export function decodeHeader(bytes: Buffer): number {
  const reader = new WireReader(bytes)
  let revision = 0
  while (reader.next()) {
    if (reader.field === 3) revision = reader.int()
    else reader.skip()
  }
  return revision
}

export function decodeKeyValue(bytes: Buffer): KeyValue {
  const reader = new WireReader(bytes)
  let key = ''
  let value: Buffer = Buffer.alloc(0)
  let createRevision = 0
  let modRevision = 0
  while (reader.next()) {
    if (reader.field === 1) key = reader.text()
    else if (reader.field === 2) createRevision = reader.int()
    else if (reader.field === 3) modRevision = reader.int()
    else if (reader.field === 5) value = reader.bytes()
    else reader.skip()
  }
  return { key, value, createRevision, modRevision }
}

function encodeCompare({ key, rangeEnd, target, revision }: Compare): Buffer {
  const { target: number, field } = TARGETS[target]
  return new WireWriter()
    .long(2, number)
    .text(3, key)
    .exactLong(field, BigInt(revision))
    .text(64, rangeEnd ?? '')
    .finish()
}

function encodeOp(op: Op): Buffer {
  const writer = new WireWriter()
  switch (op.kind) {
    case 'range':
      return writer.message(1, encodeRange(op.range)).finish()
    case 'put':
      return writer
        .message(
          2,
          new WireWriter()
            .text(1, op.key)
            .text(2, op.value)
            .long(3, op.lease ?? 0n)
            .finish(),
        )
        .finish()
    case 'delete':
      return writer
        .message(
          3,
          new WireWriter()
            .text(1, op.key)
            .text(2, op.rangeEnd ?? '')
            .finish(),
        )
        .finish()
    case 'txn':
      return writer.message(4, encodeTxn(op.txn)).finish()
  }
}

function decodeResponseOp(bytes: Buffer): readonly RangeResponse[] {
  const reader = new WireReader(bytes)
  const ranges: RangeResponse[] = []
  while (reader.next()) {
    if (reader.field === 1) ranges.push(decodeRange(reader.bytes()))
    else reader.skip()
  }
  return ranges
}
