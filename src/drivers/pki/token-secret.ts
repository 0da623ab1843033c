import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { formatJoinToken, type JoinToken } from '../../core/identity/join-token.ts'
import { TOKEN_DEFAULTS } from '../../core/identity/token-record.ts'
import type { JoinTokenRecord } from '../../core/model/identity.ts'
import { toBase32 } from '../../lib/base32.ts'
import type { TokenWish } from '../../ports/certifier.ts'
import { purposeKey } from './seal.ts'

/** Makes a join token: its text, to be shown once, and the record to keep. */
export function newJoinToken(
  clusterKey: Buffer,
  authorityHash: string,
  wish: TokenWish,
): { readonly text: string; readonly record: JoinTokenRecord } {
  const defaults = TOKEN_DEFAULTS[wish.role]
  const id = toBase32(randomBytes(7)).slice(0, 10)
  const token: JoinToken = { role: wish.role, authorityHash, id, secret: toBase32(randomBytes(20)) }
  const open = {
    id,
    role: wish.role,
    createdBy: wish.createdBy,
    createdAt: wish.now,
    expiresAt: wish.now + (wish.lifeMs ?? defaults.lifeMs),
    usesLeft: wish.uses === undefined ? defaults.uses : wish.uses,
    revokedAt: null,
  }
  return {
    text: formatJoinToken(token),
    record: { ...open, secretHash: hashTokenSecret(clusterKey, open, token.secret).toString('hex') },
  }
}

/**
 * Compares a token's secret with its record, in a time that tells nothing. Whoever can write to the store but has not the
 * cluster key can neither make a token nor lengthen the life of one.
 */
export function tokenSecretMatches(clusterKey: Buffer, record: JoinTokenRecord | null, secret: string): boolean {
  const kept = record ?? { id: '', role: 'agent', expiresAt: 0, secretHash: '' }
  const expected = Buffer.alloc(32)
  expected.write(kept.secretHash, 'hex')
  const same = timingSafeEqual(expected, hashTokenSecret(clusterKey, kept, secret))
  return same && record !== null
}

function hashTokenSecret(
  clusterKey: Buffer,
  { id, role, expiresAt }: Pick<JoinTokenRecord, 'id' | 'role' | 'expiresAt'>,
  secret: string,
): Buffer {
  const said = JSON.stringify([id, role, expiresAt, secret])
  return createHmac('sha256', purposeKey(clusterKey, 'token')).update(said).digest()
}
