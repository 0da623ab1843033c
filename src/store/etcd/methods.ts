import type { RangeRequest, RangeResponse, TxnRequest, TxnResponse } from './kv-messages.ts'
import { decodeRange, decodeTxn, encodeRange, encodeTxn } from './kv-messages.ts'
import type { WatchAnswer, WatchRequest } from './watch-messages.ts'
import { decodeWatchAnswer, encodeWatch } from './watch-messages.ts'
import { WireReader, WireWriter } from './wire.ts'

/** One call that etcd offers. */
export interface Method<Request, Response> {
  readonly path: string
  readonly encode: (request: Request) => Buffer
  readonly decode: (bytes: Buffer) => Response
}

export interface LeaseAnswer {
  readonly id: bigint
  /** Time to live that etcd granted; 0 or less: there is no such lease (any more). */
  readonly ttlSeconds: number
}

export interface Credentials {
  readonly name: string
  readonly password: string
}

export const RANGE: Method<RangeRequest, RangeResponse> = {
  path: '/etcdserverpb.KV/Range',
  encode: encodeRange,
  decode: decodeRange,
}

export const TXN: Method<TxnRequest, TxnResponse> = {
  path: '/etcdserverpb.KV/Txn',
  encode: encodeTxn,
  decode: decodeTxn,
}

export const WATCH: Method<WatchRequest, WatchAnswer> = {
  path: '/etcdserverpb.Watch/Watch',
  encode: encodeWatch,
  decode: decodeWatchAnswer,
}

/** Takes the wished time to live in seconds. */
export const LEASE_GRANT: Method<number, LeaseAnswer> = {
  path: '/etcdserverpb.Lease/LeaseGrant',
  encode: (ttlSeconds) => new WireWriter().int(1, ttlSeconds).finish(),
  decode: decodeLease,
}

export const LEASE_REVOKE: Method<bigint, null> = {
  path: '/etcdserverpb.Lease/LeaseRevoke',
  encode: encodeLeaseId,
  decode: () => null,
}

export const LEASE_KEEP_ALIVE: Method<bigint, LeaseAnswer> = {
  path: '/etcdserverpb.Lease/LeaseKeepAlive',
  encode: encodeLeaseId,
  decode: decodeLease,
}

/** Returns the token to send with every other call. */
export const AUTHENTICATE: Method<Credentials, string> = {
  path: '/etcdserverpb.Auth/Authenticate',
  encode: ({ name, password }) => new WireWriter().text(1, name).text(2, password).finish(),
  decode: (bytes) => {
    const reader = new WireReader(bytes)
    let token = ''
    while (reader.next()) {
      if (reader.field === 2) token = reader.text()
      else reader.skip()
    }
    return token
  },
}

function encodeLeaseId(id: bigint): Buffer {
  return new WireWriter().long(1, id).finish()
}

function decodeLease(bytes: Buffer): LeaseAnswer {
  const reader = new WireReader(bytes)
  let id = 0n
  let ttlSeconds = 0
  while (reader.next()) {
    if (reader.field === 2) id = reader.long()
    else if (reader.field === 3) ttlSeconds = reader.int()
    else reader.skip()
  }
  return { id, ttlSeconds }
}
