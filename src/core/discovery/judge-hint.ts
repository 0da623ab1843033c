import type { FoundHint } from './hint.ts'
import { sameLabel } from './label.ts'
import { hasMac, type Mac, PACKET_BYTES, readHead, readHint } from './packet.ts'

const CLUSTER_ID = /^[0-9a-f]{16}$/
const AUTHORITY_HASH = /^[a-z2-7]{52}$/
const SERVER = /^((?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]{2,45}\])?):([1-9]\d{0,4})$/

/** What a searching node waits for. */
export interface OpenSearch {
  readonly label: Uint8Array
  readonly key: Mac
  /** Of the searches that may still be answered. */
  readonly nonces: readonly string[]
}

/** The hint in an answer to one of our searches; null for everything else. Never throws, whatever the bytes are. */
export function judgeHint(packet: Uint8Array, from: string, search: OpenSearch): FoundHint | null {
  if (packet.length > PACKET_BYTES) return null
  const read = readHead(packet)
  if (read.kind === 'unreadable') return null
  const { head, bodyAt } = read
  if (head.kind !== 'hint' || !search.nonces.includes(head.nonce) || !sameLabel(head.label, search.label)) return null
  if (!hasMac(packet, search.key)) return null
  const hint = readHint(packet, bodyAt)
  if (hint === null || !CLUSTER_ID.test(hint.clusterId) || !AUTHORITY_HASH.test(hint.authorityHash)) return null
  const servers = hint.servers.flatMap((server) => addressOf(server, from))
  return servers.length === 0 ? null : { ...hint, servers, from }
}

function addressOf(server: string, from: string): readonly string[] {
  const [, host, port] = SERVER.exec(server) ?? []
  if (host === undefined || Number(port) > 65_535) return []
  return [host === '' ? `${from}:${port}` : server]
}
