import { liesAhead } from '../lies-ahead.ts'
import type { IssuedCertificate, NodeCertificates, RevokedCertificate, Role } from '../model/identity.ts'
import type { Millis, NodeId } from '../model/ids.ts'

const DAY_MS = 24 * 3_600_000

/** So long after its end a certificate still gets its machine a new one: machines sleep, and are repaired. */
export const RENEWAL_GRACE_MS: Millis = 30 * DAY_MS
/** Clocks may be off by a day, each. */
const CLOCKS_DIFFER_MS: Millis = 2 * DAY_MS
/** More than any node needs: those whose answer was lost count too. */
const MOST_ISSUED = 16
const MINUTE_MS = 60_000
const MOST_IN_A_MINUTE = 10

/** A node's certificates after it was given one more, and those that are too many from then on. */
export function withIssued(
  nodeId: NodeId,
  role: Role,
  present: NodeCertificates | null,
  fresh: IssuedCertificate,
  now: Millis,
): { readonly record: NodeCertificates; readonly surplus: readonly IssuedCertificate[] } {
  const kept = (present?.issued ?? []).filter(({ notAfter }) => now < notAfter + RENEWAL_GRACE_MS)
  const surplus = kept.slice(0, Math.max(0, kept.length + 1 - MOST_ISSUED))
  return { record: { nodeId, role, issued: [...kept.slice(surplus.length), fresh] }, surplus }
}

/** Whether a node asks for certificates as nobody does who means well. */
export function asksTooOften({ issued }: NodeCertificates, now: Millis): boolean {
  const recent = issued.filter(({ issuedAt }) => issuedAt > now - MINUTE_MS && !liesAhead(issuedAt, now))
  return recent.length >= MOST_IN_A_MINUTE
}

/** Whether a certificate has expired by every clock: what ours says is not what counts where it would be believed. */
export function hasExpired({ notAfter }: { readonly notAfter: Millis }, now: Millis): boolean {
  return now >= notAfter + CLOCKS_DIFFER_MS
}

/** What is written when certificates are not to be believed any more; for those that have expired nothing is. */
export function revocationsOf(
  { nodeId, role }: Pick<NodeCertificates, 'nodeId' | 'role'>,
  issued: readonly IssuedCertificate[],
  because: string,
  now: Millis,
): readonly RevokedCertificate[] {
  return issued
    .filter((one) => !hasExpired(one, now))
    .map(({ serial, keyHash, notAfter }) => ({ serial, keyHash, nodeId, role, because, revokedAt: now, notAfter }))
}

export type RenewalVerdict =
  | { readonly kind: 'ok'; readonly node: NodeCertificates }
  | { readonly kind: 'refused'; readonly message: string }

/**
 * Judges who may have a new certificate: whoever proves the key of one that his node was given, also when that has expired,
 * for a while, and whatever id stands in it.
 */
export function judgeRenewal(
  keyHash: string,
  nodes: readonly NodeCertificates[],
  revoked: readonly RevokedCertificate[],
  now: Millis,
): RenewalVerdict {
  for (const node of nodes) {
    const held = node.issued.find((issued) => issued.keyHash === keyHash)
    if (held === undefined) continue
    if (now < held.notAfter + RENEWAL_GRACE_MS) return { kind: 'ok', node }
    return refused(`the certificate of node ${node.nodeId} expired more than 30 days ago; ${REJOIN}`)
  }
  const gone = revoked.find((one) => one.keyHash === keyHash)
  return refused(
    gone === undefined ? 'no node of this cluster has its key' : `its certificate was revoked: ${gone.because}`,
  )
}

const REJOIN = 'start it with a new join token: it keeps its id and its tasks'

function refused(message: string): RenewalVerdict {
  return { kind: 'refused', message }
}
