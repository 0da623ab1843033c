import { crossChain } from '../../core/identity/rotation.ts'
import type { Certifier } from '../../ports/certifier.ts'
import { backupKey } from '../backup-digest.ts'
import { openAuthority } from './authority-record.ts'
import { describeCertificate } from './describe-certificate.ts'
import { issueCertificate } from './issue-certificate.ts'
import { newJoinToken, tokenSecretMatches } from './token-secret.ts'

/** Certifies with the authority of the store and the cluster key of this machine's disk. */
export function keyedCertifier(clusterKey: Buffer): Certifier {
  return {
    newToken: (authority, wish) =>
      newJoinToken(clusterKey, describeCertificate(authority.signing.certificate).keyHash, wish),
    secretMatches: (record, secret) => tokenSecretMatches(clusterKey, record, secret),
    issue: async (authority, request, terms) => {
      const signing = openAuthority(clusterKey, terms.clusterId, authority.signing)
      const certificate = await issueCertificate(signing, request, terms)
      return terms.role === 'server' ? [certificate, ...crossChain(authority)].join('') : certificate
    },
    backupKey: () => backupKey(clusterKey),
    clusterKey: () => clusterKey.toString('hex'),
  }
}
