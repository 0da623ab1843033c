import { prepareRotation } from '../../core/identity/rotation.ts'
import type { CertificateAuthority, SigningKey } from '../../core/model/identity.ts'
import type { Millis } from '../../core/model/ids.ts'
import { type Authority, createAuthority, crossSign } from './authority.ts'
import { describeCertificate } from './describe-certificate.ts'
import { type SealedPlace, seal, unseal } from './seal.ts'
import { resealClusterSecret } from './stretched-secret.ts'

/** Makes the authority of a new cluster, as the store keeps it. */
export async function newAuthorityRecord(
  clusterKey: Buffer,
  clusterId: string,
  now: Millis,
): Promise<CertificateAuthority> {
  const signing = sealAuthority(clusterKey, clusterId, await createAuthority(clusterId, now))
  return { bundle: [signing.certificate], signing, rotation: { kind: 'none' }, clusterSecret: null }
}

/** Makes the next authority and its certificate by the present one, for every node to trust before it signs. Throws CONFLICT. */
export async function prepareNextAuthority(
  clusterKey: Buffer,
  clusterId: string,
  record: CertificateAuthority,
  now: Millis,
): Promise<CertificateAuthority> {
  const next = await createAuthority(clusterId, now)
  const crossSigned = await crossSign(openAuthority(clusterKey, clusterId, record.signing), next.certificate, now)
  return prepareRotation(record, sealAuthority(clusterKey, clusterId, next), crossSigned, now)
}

/** The authority with its private key in clear, to sign with. Throws STORE_CORRUPT when that was changed or moved. */
export function openAuthority(clusterKey: Buffer, clusterId: string, signing: SigningKey): Authority {
  const key = unseal(clusterKey, placeOf(clusterId, signing.certificate), signing.sealedKey)
  return { certificate: signing.certificate, key }
}

/** The same record, with all that is sealed in it sealed with another cluster key. Throws STORE_CORRUPT as `unseal` does. */
export function resealAuthority(
  from: Buffer,
  to: Buffer,
  clusterId: string,
  record: CertificateAuthority,
): CertificateAuthority {
  const again = (signing: SigningKey): SigningKey =>
    sealAuthority(to, clusterId, openAuthority(from, clusterId, signing))
  const { rotation, clusterSecret } = record
  return {
    ...record,
    signing: again(record.signing),
    rotation: rotation.kind === 'prepared' ? { ...rotation, next: again(rotation.next) } : rotation,
    clusterSecret: clusterSecret === null ? null : resealClusterSecret(from, to, clusterId, clusterSecret),
  }
}

function sealAuthority(clusterKey: Buffer, clusterId: string, { certificate, key }: Authority): SigningKey {
  return { certificate, sealedKey: seal(clusterKey, placeOf(clusterId, certificate), key) }
}

/** Bound to the certificate rather than to a field, for the key moves with it when the next authority takes over. */
function placeOf(clusterId: string, certificate: string): SealedPlace {
  return { clusterId, kind: 'authority', id: describeCertificate(certificate).keyHash }
}
