import { NODE_LIFE_MS } from '../src/core/identity/certificate-policy.ts'
import { presentKey } from '../src/core/identity/key-change.ts'
import { prepareRotation } from '../src/core/identity/rotation.ts'
import type { CertificateAuthority, Sealed, SigningKey } from '../src/core/model/identity.ts'
import type { NodeId } from '../src/core/model/ids.ts'
import type { Certifier } from '../src/ports/certifier.ts'

function sealedWith(keyId: string): Sealed {
  return { keyId, nonce: '', ciphertext: '', tag: '' }
}

function signingKey(number: number, keyId = FIRST_KEY): SigningKey {
  return { certificate: `[authority ${number}]`, sealedKey: sealedWith(keyId) }
}

/** Cluster keys of words: each is its own name. */
export const FIRST_KEY = 'k'

/** The authority of a cluster whose certificates are plain words. */
export function plainAuthority(): CertificateAuthority {
  const signing = signingKey(1)
  return { bundle: [signing.certificate], signing, rotation: { kind: 'none' }, clusterSecret: null }
}

/** The authorities that a bundle of plain words names. */
export function namesIn(bundle: string): readonly string[] {
  return bundle.match(/\[[^\]]*\]/g) ?? []
}

/** The authority that signed a certificate of plain words. */
export function signerOf(certificate: string): string {
  return namesIn(certificate)[0] ?? ''
}

/** Whom a certificate of plain words was given to; null: it is none. */
export function holderOf(certificate: string): { readonly serial: string; readonly nodeId: NodeId } | null {
  const [serial = '', , node] = certificate.split(' ')
  return node === undefined ? null : { serial, nodeId: Number(node) }
}

/** Certifies with words instead of signatures: `<serial> <key> <node> <authority>`, where the key is what the request says. */
export function plainCertifier(): Certifier {
  let serials = 0
  let authorities = 1
  const keys = new Set([FIRST_KEY])
  const token = { id: 't1', role: 'agent', secretHash: 'h', createdBy: 'ann', createdAt: 0, usesLeft: null } as const
  return {
    newToken: () => ({ text: '', record: { ...token, revokedAt: null, expiresAt: Number.MAX_SAFE_INTEGER } }),
    secretMatches: () => true,
    issue: async ({ signing }, request, { nodeId }) => {
      serials += 1
      return `serial-${serials} ${request} ${nodeId} ${signing.certificate}`
    },
    describe: (_, certificate, now) => {
      const [serial = '', keyHash = ''] = certificate.split(' ')
      return { serial, keyHash, authority: signerOf(certificate), issuedAt: now, notAfter: now + NODE_LIFE_MS }
    },
    nameOf: (certificate) => certificate,
    prepareNext: async (authority, _, now) => {
      authorities += 1
      return prepareRotation(authority, signingKey(authorities, presentKey(authority)), 'crossed', now)
    },
    sealSecret: (authority, _, { salt }) => ({ salt, sealedKey: sealedWith(presentKey(authority)) }),
    prove: ({ signing }, { at }) => ({ at, chain: [signing.certificate], signature: 'signed' }),
    backupKey: (authority) => ({ id: presentKey(authority), code: () => '' }),
    keyTexts: (names) => (names.every((name) => keys.has(name)) ? names : null),
    drawKey: () => {
      const name = `${FIRST_KEY}${keys.size + 1}`
      keys.add(name)
      return name
    },
    reseal: ({ signing, rotation, clusterSecret, ...rest }, _, name) => {
      const again = (one: SigningKey): SigningKey => ({ ...one, sealedKey: sealedWith(name) })
      return {
        ...rest,
        signing: again(signing),
        rotation: rotation.kind === 'prepared' ? { ...rotation, next: again(rotation.next) } : rotation,
        clusterSecret: clusterSecret === null ? null : { ...clusterSecret, sealedKey: sealedWith(name) },
      }
    },
  }
}
