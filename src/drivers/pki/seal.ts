import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'
import { OperationalError } from '../../core/errors.ts'
import type { Sealed } from '../../core/model/identity.ts'

const ALGORITHM = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16
const KEY_BYTES = 32

/** Where a sealed text belongs. It is bound to this place: moved to another object, kind or cluster it does not open. */
export interface SealedPlace {
  readonly clusterId: string
  readonly kind: string
  readonly id: string
}

/** Makes the key that protects what the store keeps. Servers alone have it, in a file of their own. */
export function newClusterKey(): Buffer {
  return randomBytes(KEY_BYTES)
}

/** Encrypts a text under the cluster key (AES-256-GCM). */
export function seal(clusterKey: Buffer, place: SealedPlace, text: string): Sealed {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(ALGORITHM, purposeKey(clusterKey, 'seal'), nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(boundTo(place))
  const ciphertext = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return {
    keyId: clusterKeyId(clusterKey),
    nonce: nonce.toString('base64'),
    ciphertext: ciphertext.toString('base64'),
    tag: cipher.getAuthTag().toString('base64'),
  }
}

/** Decrypts what `seal` made. Throws STORE_CORRUPT when it was changed or moved, or sealed with another key. */
export function unseal(clusterKey: Buffer, place: SealedPlace, sealed: Sealed): string {
  const here = clusterKeyId(clusterKey)
  if (sealed.keyId !== here) {
    throw corrupt(place, `it is sealed with another cluster key, ${sealed.keyId}, than the one here, ${here}`, {
      hint: 'put the cluster.key of this cluster into the directory identity of the data directory',
    })
  }
  const key = purposeKey(clusterKey, 'seal')
  try {
    const nonce = Buffer.from(sealed.nonce, 'base64')
    const cipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES })
    cipher.setAAD(boundTo(place))
    cipher.setAuthTag(Buffer.from(sealed.tag, 'base64'))
    return cipher.update(sealed.ciphertext, 'base64', 'utf8') + cipher.final('utf8')
  } catch (cause) {
    throw corrupt(place, 'it was changed, or belongs elsewhere', { cause })
  }
}

/** Names a cluster key without telling anything of it. */
export function clusterKeyId(clusterKey: Buffer): string {
  return createHash('sha256').update(purposeKey(clusterKey, 'name')).digest('hex').slice(0, 16)
}

/** A key for one purpose, so that what one use of the cluster key shows is of no use in another. */
export function purposeKey(clusterKey: Buffer, purpose: 'seal' | 'name' | 'token' | 'backup' | 'store'): Buffer {
  return Buffer.from(hkdfSync('sha256', clusterKey, '', `gantry 1 ${purpose}`, KEY_BYTES))
}

function boundTo(place: SealedPlace): Buffer {
  return Buffer.from(JSON.stringify([place.clusterId, place.kind, place.id]))
}

function corrupt(place: SealedPlace, why: string, options: { hint?: string; cause?: unknown }): OperationalError {
  return new OperationalError(
    'STORE_CORRUPT',
    `cannot open the secret part of ${place.kind}/${place.id}: ${why}`,
    options,
  )
}
