import { sign, verify, type X509Certificate } from 'node:crypto'
import { crossChain } from '../../core/identity/rotation.ts'
import { incarnationStatement } from '../../core/incarnation/statement.ts'
import type { IncarnationProof } from '../../core/model/cluster.ts'
import type { CertificateAuthority } from '../../core/model/identity.ts'
import type { Millis } from '../../core/model/ids.ts'
import { openAuthority } from './authority-record.ts'
import { keyHash, readCertificate, splitBundle } from './describe-certificate.ts'

/**
 * Signs that the state of the cluster is of this incarnation. Only who has the cluster key can. Throws STORE_CORRUPT when the
 * authority's key was changed, or is sealed with another cluster key.
 */
export function proveIncarnation(
  clusterKey: Buffer,
  authority: CertificateAuthority,
  life: { readonly clusterId: string; readonly incarnation: number; readonly at: Millis },
): IncarnationProof {
  const { certificate, key } = openAuthority(clusterKey, life.clusterId, authority.signing)
  const signature = sign('sha256', Buffer.from(incarnationStatement(life)), key).toString('base64')
  return { at: life.at, chain: [certificate, ...crossChain(authority)], signature }
}

/** Whether one of these authorities, or one whose key they certified, has signed that incarnation of that cluster. */
export function isIncarnationProven(
  bundle: string,
  life: { readonly clusterId: string; readonly incarnation: number },
  proof: IncarnationProof | null,
): boolean {
  if (proof === null) return false
  const signer = certificateOf(proof.chain[0] ?? '')
  if (signer === null || !isTrusted(bundle, signer, proof.chain.slice(1))) return false
  const statement = Buffer.from(incarnationStatement({ ...life, at: proof.at }))
  return verify('sha256', statement, signer.publicKey, Buffer.from(proof.signature, 'base64'))
}

/** The keys count, not the certificates: the next authority has one of its own and one that the present one made for it. */
function isTrusted(bundle: string, signer: X509Certificate, chain: readonly string[]): boolean {
  const trusted = splitBundle(bundle).map(readCertificate)
  const key = keyHash(signer.publicKey)
  if (trusted.some(({ publicKey }) => keyHash(publicKey) === key)) return true
  const certified = chain.map(certificateOf).filter((one) => one !== null && keyHash(one.publicKey) === key)
  return certified.some((one) => trusted.some(({ publicKey }) => one?.ca === true && one.verify(publicKey)))
}

/** null: it is none, which an agent must survive whoever sent it. */
function certificateOf(pem: string): X509Certificate | null {
  try {
    return readCertificate(pem)
  } catch {
    return null
  }
}
