import { OperationalError } from '../errors.ts'
import { type NodeIdentity, ROLES, type Role } from '../model/identity.ts'
import type { Millis } from '../model/ids.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** How long a node's certificate is good. Short, for a revoked one is believed by whoever has not heard of it. */
export const NODE_LIFE_MS: Millis = 7 * DAY_MS
/** Renewal begins at half the life, so a shorter one would leave no time for a server to be away. */
const LEAST_LIFE_MS: Millis = HOUR_MS
export const AUTHORITY_LIFE_MS: Millis = 20 * 365 * DAY_MS
/** Certificates are good a little earlier than they are made: clocks differ. */
export const BACKDATE_MS: Millis = 5 * 60_000
/** The name that every certificate carries, so that whoever dials an address can name what it expects there. */
export const STABLE_NAME = 'gantry'

/** The span in which a certificate made now is good. Throws CONFIG_INVALID for a life of less than an hour. */
export function validity(now: Millis, lifeMs: Millis): { readonly notBefore: Millis; readonly notAfter: Millis } {
  if (lifeMs < LEAST_LIFE_MS) {
    throw new OperationalError('CONFIG_INVALID', `certificates cannot live ${lifeMs} ms: an hour is the least`)
  }
  // Certificates count in whole seconds.
  const start = Math.floor(now / 1000) * 1000
  return { notBefore: start - BACKDATE_MS, notAfter: start + lifeMs }
}

/** When to ask for the next certificate: between 50 and 80 % of its life. `draw` in [0, 1) keeps nodes from asking together. */
export function renewAt(notBefore: Millis, notAfter: Millis, draw: number): Millis {
  return Math.floor(notBefore + (notAfter - notBefore) * (0.5 + 0.3 * draw))
}

/** The identity as it stands in a certificate: `spiffe://<cluster id>/<role>/<node id>`. */
export function formatIdentity(identity: NodeIdentity): string {
  return `spiffe://${identity.clusterId}/${identity.role}/${identity.nodeId}`
}

const IDENTITY = new RegExp(`^spiffe://([0-9a-f]{16})/(${ROLES.join('|')})/([1-9][0-9]{0,8})$`)

/** Reads what `formatIdentity` writes; null for every other text. */
export function parseIdentity(uri: string): NodeIdentity | null {
  const [, clusterId, role, nodeId] = IDENTITY.exec(uri) ?? []
  if (clusterId === undefined || nodeId === undefined) return null
  return { clusterId, role: role === 'server' ? 'server' : 'agent', nodeId: Number(nodeId) }
}

export type PeerRefusal = 'no identity' | 'another cluster' | 'revoked' | 'wrong role'

export type PeerVerdict =
  | { readonly kind: 'ok'; readonly identity: NodeIdentity }
  | { readonly kind: 'refused'; readonly reason: PeerRefusal; readonly message: string }

/**
 * Judges the other end of a connection whose certificate the authority signed and has not expired: TLS has seen to that.
 * `expected`: what it must be; who dials a server expects one, or any agent could pass for it.
 */
export function judgePeer(
  uri: string | null,
  clusterId: string,
  revokedSerials: ReadonlySet<string>,
  serial: string,
  expected: Role | 'any',
): PeerVerdict {
  const identity = uri === null ? null : parseIdentity(uri)
  if (identity === null) return refused('no identity', 'its certificate says nothing of a node')
  if (identity.clusterId !== clusterId) {
    return refused('another cluster', `it belongs to cluster ${identity.clusterId}, not to ${clusterId}`)
  }
  if (revokedSerials.has(serial)) return refused('revoked', `the certificate of node ${identity.nodeId} was revoked`)
  if (expected !== 'any' && identity.role !== expected) {
    return refused('wrong role', `node ${identity.nodeId} has the role ${identity.role}, not ${expected}`)
  }
  return { kind: 'ok', identity }
}

function refused(reason: PeerRefusal, message: string): PeerVerdict {
  return { kind: 'refused', reason, message }
}
