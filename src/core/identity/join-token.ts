import { isBase32 } from '../../lib/base32.ts'
import { OperationalError } from '../errors.ts'
import { ROLES, type Role } from '../model/identity.ts'

const PREFIX = 'GJT1'
const ID_LENGTH = 10
/** 160 bits. */
const SECRET_LENGTH = 32
/** A SHA-256. */
const HASH_LENGTH = 52
const HINT = 'copy it whole from where `gantry join-token` printed it'

/** What a machine needs to join: which authority to believe, and a secret that lets it in. */
export interface JoinToken {
  readonly role: Role
  /** SHA-256 of the authority's public key (SPKI), in base32: the joining machine believes no other. */
  readonly authorityHash: string
  readonly id: string
  readonly secret: string
}

/** Whether a text is meant as a join token, sound or not. */
export function looksLikeJoinToken(text: string): boolean {
  return text.trim().toUpperCase().startsWith(`${PREFIX}-`)
}

/** Writes a token: `GJT1-<role>-<hash of the authority's key>-<id>-<secret>`. The text is a secret. */
export function formatJoinToken(token: JoinToken): string {
  return [PREFIX, token.role, token.authorityHash, token.id, token.secret].join('-')
}

/** Reads a token; capitals and white space around it do not matter. Throws USAGE, naming the part that is wrong without showing it. */
export function parseJoinToken(text: string): JoinToken {
  if (!looksLikeJoinToken(text)) throw malformed(`it does not begin with ${PREFIX}-`)
  const [, role = '', authorityHash = '', id = '', secret = '', ...rest] = text.trim().toLowerCase().split('-')
  if (rest.length > 0) throw malformed(`it has ${5 + rest.length} parts instead of 5`)
  if (!isRole(role)) throw malformed('its role is neither server nor agent')
  requirePart('hash of the authority', authorityHash, HASH_LENGTH)
  requirePart('id', id, ID_LENGTH)
  requirePart('secret', secret, SECRET_LENGTH)
  return { role, authorityHash, id, secret }
}

function requirePart(name: string, part: string, length: number): void {
  if (part === '') throw malformed(`its ${name} is missing`)
  if (part.length !== length) throw malformed(`its ${name} has ${part.length} characters instead of ${length}`)
  if (!isBase32(part, length)) throw malformed(`its ${name} has characters other than a-z and 2-7`)
}

function isRole(text: string): text is Role {
  return ROLES.some((role) => role === text)
}

function malformed(why: string): OperationalError {
  return new OperationalError('USAGE', `cannot read the join token: ${why}`, { hint: HINT })
}
