import type { EtcdAlarm, EtcdMember } from '../../core/etcd/members.ts'
import type { Method } from './methods.ts'
import { WireReader, WireWriter } from './wire.ts'

/** What a member says of itself. */
export interface MemberStatus {
  /** In hex. */
  readonly id: string
  readonly version: string
  /** Id of the member that leads, in hex; `0`: none does. */
  readonly leader: string
  /** How far it has come in what the members agreed on. */
  readonly appliedIndex: number
  readonly sizeBytes: number
  readonly usedBytes: number
}

/** Takes whether the answer must be the newest that a majority knows, or may be what the one that is asked knows. */
export const MEMBER_LIST: Method<{ readonly newest: boolean }, readonly EtcdMember[]> = {
  path: '/etcdserverpb.Cluster/MemberList',
  encode: ({ newest }) => new WireWriter().int(1, newest).finish(),
  decode: (bytes) => membersIn(bytes, 2),
}

// An answer of no interest is `true`: gRPC takes null for none.

/** Takes the peer URL; the member has no vote. */
export const MEMBER_ADD_LEARNER: Method<string, true> = {
  path: '/etcdserverpb.Cluster/MemberAdd',
  encode: (peerUrl) => new WireWriter().text(1, peerUrl).int(2, true).finish(),
  decode: () => true,
}

/** Takes the id, in hex. */
export const MEMBER_REMOVE: Method<string, true> = {
  path: '/etcdserverpb.Cluster/MemberRemove',
  encode: encodeId,
  decode: () => true,
}

/** Takes the id, in hex. Refused while the member has not caught up. */
export const MEMBER_PROMOTE: Method<string, true> = {
  path: '/etcdserverpb.Cluster/MemberPromote',
  encode: encodeId,
  decode: () => true,
}

export const STATUS: Method<null, MemberStatus> = {
  path: '/etcdserverpb.Maintenance/Status',
  encode: () => Buffer.alloc(0),
  decode: decodeStatus,
}

/** All alarms, by the member that raised them. */
export const ALARMS: Method<null, readonly { readonly id: string; readonly alarm: EtcdAlarm }[]> = {
  path: '/etcdserverpb.Maintenance/Alarm',
  encode: () => Buffer.alloc(0),
  decode: decodeAlarms,
}

/** Takes the id of a member, whose alarm for want of space is lifted. */
export const LIFT_SPACE_ALARM: Method<string, true> = {
  path: '/etcdserverpb.Maintenance/Alarm',
  encode: (id) => new WireWriter().int(1, 2).long(2, fromHex(id)).int(3, 1).finish(),
  decode: () => true,
}

/** Gives back the space that is not used. The member does not answer meanwhile. */
export const DEFRAGMENT: Method<null, true> = {
  path: '/etcdserverpb.Maintenance/Defragment',
  encode: () => Buffer.alloc(0),
  decode: () => true,
}

/** Takes a revision of etcd: what was replaced before it is forgotten when this is answered. */
export const COMPACT: Method<number, true> = {
  path: '/etcdserverpb.KV/Compact',
  encode: (revision) => new WireWriter().int(1, revision).int(2, true).finish(),
  decode: () => true,
}

function encodeId(id: string): Buffer {
  return new WireWriter().long(1, fromHex(id)).finish()
}

function fromHex(id: string): bigint {
  return BigInt(`0x${id}`)
}

function hexOf(reader: WireReader): string {
  return BigInt.asUintN(64, reader.long()).toString(16)
}

function membersIn(bytes: Buffer, field: number): EtcdMember[] {
  const reader = new WireReader(bytes)
  const members: EtcdMember[] = []
  while (reader.next()) {
    if (reader.field === field) members.push(decodeMember(reader.bytes()))
    else reader.skip()
  }
  return members
}

function decodeMember(bytes: Buffer): EtcdMember {
  const reader = new WireReader(bytes)
  let [id, name, peerUrl, isLearner] = ['0', '', '', false]
  let clientUrl: string | null = null
  while (reader.next()) {
    if (reader.field === 1) id = hexOf(reader)
    else if (reader.field === 2) name = reader.text()
    else if (reader.field === 3) peerUrl = reader.text()
    else if (reader.field === 4) clientUrl = reader.text()
    else if (reader.field === 5) isLearner = reader.bool()
    else reader.skip()
  }
  return { id, name, peerUrl, clientUrl, isLearner }
}

function decodeStatus(bytes: Buffer): MemberStatus {
  const reader = new WireReader(bytes)
  let [id, version, leader] = ['0', '', '0']
  let [appliedIndex, sizeBytes, usedBytes] = [0, 0, 0]
  while (reader.next()) {
    if (reader.field === 1) id = memberIdIn(reader.bytes())
    else if (reader.field === 2) version = reader.text()
    else if (reader.field === 3) sizeBytes = reader.int()
    else if (reader.field === 4) leader = hexOf(reader)
    else if (reader.field === 7) appliedIndex = reader.int()
    else if (reader.field === 9) usedBytes = reader.int()
    else reader.skip()
  }
  return { id, version, leader, appliedIndex, sizeBytes, usedBytes }
}

/** Of a header. */
function memberIdIn(bytes: Buffer): string {
  const reader = new WireReader(bytes)
  let id = '0'
  while (reader.next()) {
    if (reader.field === 2) id = hexOf(reader)
    else reader.skip()
  }
  return id
}

function decodeAlarms(bytes: Buffer): { id: string; alarm: EtcdAlarm }[] {
  const reader = new WireReader(bytes)
  const alarms: { id: string; alarm: EtcdAlarm }[] = []
  while (reader.next()) {
    if (reader.field !== 2) {
      reader.skip()
      continue
    }
    const part = new WireReader(reader.bytes())
    let [id, kind] = ['0', 0]
    while (part.next()) {
      if (part.field === 1) id = hexOf(part)
      else if (part.field === 2) kind = part.int()
      else part.skip()
    }
    if (kind === 1 || kind === 2) alarms.push({ id, alarm: kind === 1 ? 'no space' : 'corrupt' })
  }
  return alarms
}
