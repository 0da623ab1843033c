import { OperationalError } from '../../core/errors.ts'
import { presentKey } from '../../core/identity/key-change.ts'
import { crossChain } from '../../core/identity/rotation.ts'
import type { CertificateAuthority } from '../../core/model/identity.ts'
import type { Millis } from '../../core/model/ids.ts'
import type { Certifier } from '../../ports/certifier.ts'
import { backupKey } from '../backup-digest.ts'
import { openAuthority, prepareNextAuthority, resealAuthority } from './authority-record.ts'
import { describeCertificate } from './describe-certificate.ts'
import { proveIncarnation } from './incarnation-proof.ts'
import { issueCertificate } from './issue-certificate.ts'
import type { KeyRing } from './key-ring.ts'
import { sealClusterSecret } from './stretched-secret.ts'
import { newJoinToken, tokenSecretMatches } from './token-secret.ts'

/**
 * Certifies with the authority of the store and the cluster keys of this machine's disk: the one that the authority is sealed
 * with, whichever that is. Certificates follow `wall`, the clock that people set, and not the one of the process, which goes
 * on from what was wrong when it started.
 */
export function keyedCertifier(ring: KeyRing, wall: () => Millis = Date.now): Certifier {
  const keyOf = (authority: CertificateAuthority): Buffer => keyNamed(presentKey(authority), ring)
  return {
    newToken: (authority, wish) =>
      newJoinToken(keyOf(authority), describeCertificate(authority.signing.certificate).keyHash, wish),
    secretMatches: (authority, record, secret) => tokenSecretMatches(keyOf(authority), record, secret),
    issue: async (authority, request, terms) => {
      const signing = openAuthority(keyOf(authority), terms.clusterId, authority.signing)
      const certificate = await issueCertificate(signing, request, { ...terms, now: wall() })
      return terms.role === 'server' ? [certificate, ...crossChain(authority)].join('') : certificate
    },
    describe: ({ signing }, certificate, now) => {
      const { serial, keyHash, notAfter } = describeCertificate(certificate)
      return { serial, keyHash, authority: nameOf(signing.certificate), issuedAt: now, notAfter }
    },
    nameOf,
    prepareNext: (authority, clusterId, now) => prepareNextAuthority(keyOf(authority), clusterId, authority, now),
    sealSecret: (authority, clusterId, secret) => sealClusterSecret(keyOf(authority), clusterId, secret),
    prove: (authority, life) => proveIncarnation(keyOf(authority), authority, life),
    backupKey: (authority) => backupKey(keyOf(authority)),
    keyTexts: (names) => {
      const keys = names.flatMap((name) => ring.find(name)?.toString('hex') ?? [])
      return keys.length === names.length ? keys : null
    },
    drawKey: () => ring.draw(),
    reseal: (authority, clusterId, name) =>
      resealAuthority(keyOf(authority), keyNamed(name, ring), clusterId, authority),
  }
}

function keyNamed(name: string, ring: KeyRing): Buffer {
  const key = ring.find(name)
  if (key !== null) return key
  throw new OperationalError('STORE_CORRUPT', 'the authority of this cluster is sealed with another cluster key', {
    hint: 'put the cluster.key of this cluster into the directory identity of the data directory',
  })
}

function nameOf(certificate: string): string {
  return describeCertificate(certificate).keyHash
}
