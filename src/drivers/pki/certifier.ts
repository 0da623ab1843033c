import { crossChain } from '../../core/identity/rotation.ts'
import type { Millis } from '../../core/model/ids.ts'
import type { Certifier } from '../../ports/certifier.ts'
import { backupKey } from '../backup-digest.ts'
import { openAuthority, prepareNextAuthority } from './authority-record.ts'
import { describeCertificate } from './describe-certificate.ts'
import { proveIncarnation } from './incarnation-proof.ts'
import { issueCertificate } from './issue-certificate.ts'
import { sealClusterSecret } from './stretched-secret.ts'
import { newJoinToken, tokenSecretMatches } from './token-secret.ts'

/**
 * Certifies with the authority of the store and the cluster key of this machine's disk. Certificates follow `wall`, the clock
 * that people set, and not the one of the process, which goes on from what was wrong when it started.
 */
export function keyedCertifier(clusterKey: Buffer, wall: () => Millis = Date.now): Certifier {
  return {
    newToken: (authority, wish) =>
      newJoinToken(clusterKey, describeCertificate(authority.signing.certificate).keyHash, wish),
    secretMatches: (record, secret) => tokenSecretMatches(clusterKey, record, secret),
    issue: async (authority, request, terms) => {
      const signing = openAuthority(clusterKey, terms.clusterId, authority.signing)
      const certificate = await issueCertificate(signing, request, { ...terms, now: wall() })
      return terms.role === 'server' ? [certificate, ...crossChain(authority)].join('') : certificate
    },
    describe: ({ signing }, certificate, now) => {
      const { serial, keyHash, notAfter } = describeCertificate(certificate)
      return { serial, keyHash, authority: nameOf(signing.certificate), issuedAt: now, notAfter }
    },
    nameOf,
    prepareNext: (authority, clusterId, now) => prepareNextAuthority(clusterKey, clusterId, authority, now),
    sealSecret: (clusterId, secret) => sealClusterSecret(clusterKey, clusterId, secret),
    prove: (authority, life) => proveIncarnation(clusterKey, authority, life),
    backupKey: () => backupKey(clusterKey),
    clusterKey: () => clusterKey.toString('hex'),
  }
}

function nameOf(certificate: string): string {
  return describeCertificate(certificate).keyHash
}
