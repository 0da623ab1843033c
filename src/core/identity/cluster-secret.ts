import { canonicalJson } from '../../lib/canonical-json.ts'
import { OperationalError } from '../errors.ts'
import type { Role } from '../model/identity.ts'
import { type JoinToken, looksLikeJoinToken, parseJoinToken } from './join-token.ts'

const LEAST_LENGTH = 16
const GREATEST_LENGTH = 256

/** What the user gave to a machine that is to join. */
export type JoinSecret =
  | { readonly kind: 'token'; readonly token: JoinToken }
  | { readonly kind: 'clusterSecret'; readonly secret: string }

/**
 * Reads what a user gave as `--token`: a join token, or a secret that the users made up. The two cannot be taken for each
 * other, for a cluster secret has no hyphens. Throws USAGE, and never shows what was given.
 */
export function parseJoinSecret(text: string): JoinSecret {
  if (looksLikeJoinToken(text)) return { kind: 'token', token: parseJoinToken(text) }
  return { kind: 'clusterSecret', secret: parseClusterSecret(text) }
}

/** Checks a secret that users made up: 16 to 256 letters and digits. Throws USAGE. */
export function parseClusterSecret(text: string): string {
  const secret = text.trim()
  if (secret.length < LEAST_LENGTH) throw unfit(`it has ${secret.length} characters, and ${LEAST_LENGTH} are the least`)
  if (secret.length > GREATEST_LENGTH) throw unfit(`it has more than ${GREATEST_LENGTH} characters`)
  if (!/^[A-Za-z0-9]+$/.test(secret)) throw unfit('it has characters other than letters and digits')
  return secret
}

function unfit(why: string): OperationalError {
  return new OperationalError('USAGE', `cannot use this as the cluster secret: ${why}`, {
    hint: 'a random one is best: head -c 24 /dev/urandom | base32 | tr -d =',
  })
}

/** Version of the exchange below; both ends must speak the same. docs/design/identity.md says why each field is there. */
export const EXCHANGE_VERSION = 1

/** First message of a joining machine that knows the cluster secret. */
export interface SecretHello {
  readonly version: number
  readonly role: Role
  /** 32 random bytes in hex. */
  readonly nonce: string
}

/** The server's answer. Nothing in it tells anything of the secret. */
export interface SecretChallenge {
  readonly clusterId: string
  /** Salt of the stretching, 16 bytes in hex. */
  readonly salt: string
  /** 32 random bytes in hex. */
  readonly nonce: string
  /** The server's half of the key, 384 bytes in hex. */
  readonly share: string
}

/** The joining machine proves itself first: whoever asks without knowing the secret gets nothing to try guesses on. */
export interface SecretProof {
  readonly share: string
  /** 32 bytes in hex. */
  readonly proof: string
}

/** The server proves itself; only then the joining machine believes what else it says. */
export interface SecretWelcome {
  readonly proof: string
}

const HEX = {
  nonce: /^[0-9a-f]{64}$/,
  salt: /^[0-9a-f]{32}$/,
  share: /^[0-9a-f]{768}$/,
  proof: /^[0-9a-f]{64}$/,
  clusterId: /^[0-9a-f]{16}$/,
}

/** Why a first message cannot be answered; null: it can. */
export function helloFault(hello: SecretHello): string | null {
  if (hello.version !== EXCHANGE_VERSION) {
    return `it speaks version ${hello.version} of the join exchange, this one ${EXCHANGE_VERSION}`
  }
  return HEX.nonce.test(hello.nonce) ? null : 'its nonce is malformed'
}

/** Why a challenge cannot be answered; null: it can. */
export function challengeFault(challenge: SecretChallenge): string | null {
  for (const field of ['clusterId', 'salt', 'nonce', 'share'] as const) {
    if (!HEX[field].test(challenge[field])) return `its ${field} is malformed`
  }
  return null
}

/** Why a proof cannot be checked; null: it can. */
export function proofFault(message: SecretProof): string | null {
  for (const field of ['share', 'proof'] as const) {
    if (!HEX[field].test(message[field])) return `its ${field} is malformed`
  }
  return null
}

/**
 * Everything that both ends must have seen alike before a key is agreed on. `channel` is what both know of the very TLS
 * connection they talk over, so somebody in between, who has two of them, makes the two ends disagree.
 */
export function exchangeContext(
  hello: SecretHello,
  challenge: Omit<SecretChallenge, 'share'>,
  channel: string,
): string {
  const { clusterId, salt, nonce } = challenge
  return canonicalJson({ protocol: 'gantry cluster secret', hello, challenge: { clusterId, salt, nonce }, channel })
}
