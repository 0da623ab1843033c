import type { Millis } from '../model/ids.ts'
import type { Hint } from './hint.ts'

/** A search has exactly so many bytes, and an answer never more, so that no answer is larger than what was asked. */
export const PACKET_BYTES = 512
export const MAC_BYTES = 32
const SIGNED_BYTES = PACKET_BYTES - MAC_BYTES

const MAGIC = [0x47, 0x4e, 0x54, 0x44]
const VERSION = 1
const KINDS = ['search', 'hint'] as const
const NONCE_BYTES = 16
const HEAD_BYTES = 30
const MOST_SERVERS = 7

/** HMAC-SHA-256 of bytes under one discovery key: 32 bytes. */
export type Mac = (bytes: Uint8Array) => Uint8Array

/** What every packet begins with. */
export interface PacketHead {
  readonly kind: (typeof KINDS)[number]
  /** 16 bytes in hex; an answer carries that of its search. */
  readonly nonce: string
  /** When it was sent, by the sender's clock. */
  readonly at: Millis
  /** Names the cluster that is meant; see `labelOf`. */
  readonly label: Uint8Array
}

export type Unreadable = 'not of this protocol' | 'another version' | 'malformed'

/** What was read of a packet. Nothing of it is believed before its MAC is. */
export type ReadHead =
  | { readonly kind: 'head'; readonly head: PacketHead; readonly bodyAt: number }
  | { readonly kind: 'unreadable'; readonly because: Unreadable }

/** A search, padded to its full size. */
export function encodeSearch({ nonce, at, label }: Omit<PacketHead, 'kind'>, mac: Mac): Uint8Array {
  return signed(writeHead({ kind: 'search', nonce, at, label }), SIGNED_BYTES, mac)
}

/** The answer to a search. Servers that do not fit are left out, the last first. */
export function encodeHint(hint: Hint, search: PacketHead, now: Millis, mac: Mac): Uint8Array {
  const { nonce, label } = search
  const bytes = [...writeHead({ kind: 'hint', nonce, at: now, label })]
  bytes.push(...shortText(hint.clusterId), ...shortText(hint.authorityHash))
  const countAt = bytes.push(0) - 1
  let servers = 0
  for (const server of hint.servers) {
    const text = shortText(server)
    if (servers === MOST_SERVERS || server.length > 255 || bytes.length + text.length > SIGNED_BYTES) break
    bytes.push(...text)
    servers++
  }
  bytes[countAt] = servers
  return signed(bytes, bytes.length, mac)
}

/** Reads the beginning of a packet. Never throws, whatever the bytes are. */
export function readHead(packet: Uint8Array): ReadHead {
  if (packet.length < MAGIC.length || MAGIC.some((byte, i) => packet[i] !== byte)) {
    return { kind: 'unreadable', because: 'not of this protocol' }
  }
  if (packet[4] !== VERSION) return { kind: 'unreadable', because: 'another version' }
  const kind = KINDS[(packet[5] ?? 0) - 1]
  const labelEnd = HEAD_BYTES + 1 + (packet[HEAD_BYTES] ?? 0)
  if (kind === undefined || labelEnd + MAC_BYTES > packet.length) return { kind: 'unreadable', because: 'malformed' }
  const head = {
    kind,
    nonce: [...packet.subarray(6, 6 + NONCE_BYTES)].map((byte) => byte.toString(16).padStart(2, '0')).join(''),
    at: Number(viewOf(packet).getBigUint64(22)),
    label: packet.subarray(HEAD_BYTES + 1, labelEnd),
  }
  return { kind: 'head', head, bodyAt: labelEnd }
}

/** Reads what an answer says; null where it is malformed. Addresses are as they were sent: see `judgeHint`. */
export function readHint(packet: Uint8Array, bodyAt: number): Hint | null {
  const body = packet.subarray(0, packet.length - MAC_BYTES)
  const [clusterId, afterId] = readText(body, bodyAt)
  const [authorityHash, afterHash] = readText(body, afterId)
  const count = body[afterHash]
  if (clusterId === null || authorityHash === null || count === undefined) return null
  const servers: string[] = []
  let at = afterHash + 1
  for (let i = 0; i < count; i++) {
    const [server, next] = readText(body, at)
    if (server === null) return null
    servers.push(server)
    at = next
  }
  return { clusterId, authorityHash, servers }
}

/** Whether the packet carries the MAC of its bytes. Compares in a time that tells nothing of where they differ. */
export function hasMac(packet: Uint8Array, mac: Mac): boolean {
  const end = packet.length - MAC_BYTES
  if (end < 0) return false
  let difference = 0
  mac(packet.subarray(0, end)).forEach((byte, i) => {
    difference |= byte ^ (packet[end + i] ?? 0)
  })
  return difference === 0
}

function writeHead({ kind, nonce, at, label }: PacketHead): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES + 1 + label.length)
  bytes.set([...MAGIC, VERSION, KINDS.indexOf(kind) + 1])
  for (let i = 0; i < NONCE_BYTES; i++) bytes[6 + i] = Number.parseInt(nonce.slice(2 * i, 2 * i + 2), 16)
  viewOf(bytes).setBigUint64(22, BigInt(at))
  bytes.set([label.length, ...label], HEAD_BYTES)
  return bytes
}

function signed(bytes: Iterable<number>, length: number, mac: Mac): Uint8Array {
  const packet = new Uint8Array(length + MAC_BYTES)
  packet.set([...bytes])
  packet.set(mac(packet.subarray(0, length)), length)
  return packet
}

function shortText(text: string): readonly number[] {
  return [text.length, ...[...text].map((character) => character.charCodeAt(0))]
}

/** A text of visible ASCII with its length before it, and where it ends; null where there is none. */
function readText(bytes: Uint8Array, at: number): readonly [string | null, number] {
  const end = at + 1 + (bytes[at] ?? 0)
  const text = String.fromCharCode(...bytes.subarray(at + 1, end))
  return [end <= bytes.length && /^[!-~]+$/.test(text) ? text : null, end]
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
