import type { JoinTokenRecord, Role } from '../model/identity.ts'
import type { Millis } from '../model/ids.ts'
import { timeWords } from '../time-words.ts'

const HOUR_MS = 3_600_000

/** How long a new token is good, and how often; null: as often as one likes. A server's token opens more, so it lives less. */
export const TOKEN_DEFAULTS: Readonly<Record<Role, { readonly lifeMs: Millis; readonly uses: number | null }>> = {
  agent: { lifeMs: 24 * HOUR_MS, uses: null },
  server: { lifeMs: HOUR_MS, uses: 1 },
}

export type TokenRefusal = 'unknown' | 'revoked' | 'expired' | 'used up' | 'wrong role'

export type TokenVerdict =
  | { readonly kind: 'ok' }
  | { readonly kind: 'refused'; readonly reason: TokenRefusal; readonly message: string }

/**
 * Judges whether a token lets a machine in. `secretMatches` is the answer of the constant-time comparison; somebody who
 * does not know the secret hears only that the token is unknown, whether there is one of that id or not.
 */
export function judgeToken(
  record: JoinTokenRecord | null,
  role: Role,
  secretMatches: boolean,
  now: Millis,
): TokenVerdict {
  if (record === null || !secretMatches) return refused('unknown', 'there is no such join token')
  if (record.revokedAt !== null) return refused('revoked', `join token ${record.id} was revoked`)
  if (now >= record.expiresAt) return refused('expired', expiryWords(record, now))
  if (record.usesLeft !== null && record.usesLeft <= 0) return refused('used up', `join token ${record.id} is used up`)
  if (record.role !== role)
    return refused('wrong role', `join token ${record.id} lets in ${record.role}s, not ${role}s`)
  return { kind: 'ok' }
}

/** The record after one more machine was let in; commit it together with that machine's node, guarded by the record's revision. */
export function useToken(record: JoinTokenRecord): JoinTokenRecord {
  return record.usesLeft === null ? record : { ...record, usesLeft: record.usesLeft - 1 }
}

/** Whoever made it may have had another clock: what both said is to be seen. */
function expiryWords({ id, createdAt, expiresAt }: JoinTokenRecord, now: Millis): string {
  const [ago, life] = [timeWords(now - createdAt), timeWords(expiresAt - createdAt)]
  return `join token ${id} has expired: it was made ${ago} ago by this server's clock, and is good for ${life} by that of the server that made it`
}

function refused(reason: TokenRefusal, message: string): TokenVerdict {
  return { kind: 'refused', reason, message }
}
