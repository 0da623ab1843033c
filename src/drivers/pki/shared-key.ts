import { createHash, createHmac, getDiffieHellman, hkdfSync } from 'node:crypto'

/** Group 15 of RFC 3526: a safe prime of 3072 bits. */
const GROUP = 'modp15'
const PRIME = BigInt(`0x${getDiffieHellman(GROUP).getPrime('hex')}`)
const SHARE_BYTES = 384
/** So much longer than the prime that the remainder favours no element. */
const WIDE_BYTES = SHARE_BYTES + 16

export type Side = 'joiner' | 'server'

/** What each side shows to prove that it has come to the same key, in hex. */
export type Proofs = Readonly<Record<Side, string>>

/** One side of one agreement on a key. */
export interface KeyAgreement {
  /** Our half, in hex; it tells nothing of the stretched secret. */
  readonly share: string
  /** Both proofs, given the other side's half; null when that is no fit element of the group. */
  prove(theirShare: string): Proofs | null
}

/**
 * Agrees on a key with somebody who knows the same stretched secret and sees the same context (the CPace construction: a
 * Diffie-Hellman exchange whose generator is hashed from the secret and the context). Whoever does not know the secret, in
 * between or at the other end, can test one guess for each run of it and nothing afterwards.
 */
export function agreeOnKey(side: Side, stretched: Buffer, context: string): KeyAgreement {
  const group = getDiffieHellman(GROUP)
  group.generateKeys()
  // Raising the generator to our private exponent is what the group does with the other side's half, too.
  const share = group.computeSecret(generator(stretched, context))
  return {
    share: share.toString('hex'),
    prove(theirShare) {
      const theirs = Buffer.from(theirShare, 'hex')
      if (!isFit(theirs)) return null
      const [joiner, server] = side === 'joiner' ? [share, theirs] : [theirs, share]
      const seen = createHash('sha256').update(JSON.stringify(context)).update(joiner).update(server).digest()
      return proofs(group.computeSecret(theirs), seen)
    },
  }
}

/** A square, so that it lies in the large subgroup and a half shows nothing of it, not even one bit. */
function generator(stretched: Buffer, context: string): Buffer {
  const hash = createHash('shake256', { outputLength: WIDE_BYTES })
  const wide = hash.update('gantry generator 1').update(stretched).update(context).digest('hex')
  const root = BigInt(`0x${wide}`) % PRIME
  return Buffer.from(((root * root) % PRIME).toString(16).padStart(2 * SHARE_BYTES, '0'), 'hex')
}

/** 0, 1 and -1 would make the key known to everybody. */
function isFit(share: Buffer): boolean {
  if (share.length !== SHARE_BYTES) return false
  const element = BigInt(`0x${share.toString('hex')}`)
  return element > 1n && element < PRIME - 1n
}

function proofs(key: Buffer, seen: Buffer): Proofs {
  const prove = (side: Side): string => {
    const proofKey = Buffer.from(hkdfSync('sha256', key, seen, `gantry proof of the ${side} 1`, 32))
    return createHmac('sha256', proofKey).update(seen).digest('hex')
  }
  return { joiner: prove('joiner'), server: prove('server') }
}
