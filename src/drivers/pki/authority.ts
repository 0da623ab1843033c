import { randomBytes } from 'node:crypto'
import { AUTHORITY_LIFE_MS, validity } from '../../core/identity/certificate-policy.ts'
import type { Millis } from '../../core/model/ids.ts'
import { exportKey, generateKeys, importKey, SIGNATURE } from './keys.ts'

/** A certificate authority with its private key, in PEM. It is a secret. */
export interface Authority {
  readonly certificate: string
  readonly key: string
}

/** Makes the authority of a cluster: a key of its own (EC P-256) and a certificate that it signed itself, good for 20 years. */
export async function createAuthority(clusterId: string, now: Millis): Promise<Authority> {
  const x509 = await import('./x509.ts')
  const keys = await generateKeys()
  const { notBefore, notAfter } = validity(now, AUTHORITY_LIFE_MS)
  const serialNumber = newSerial()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber,
    // Two authorities of one cluster must not share a name, or chains could be built from the wrong one.
    name: [{ CN: [`gantry authority ${clusterId} ${serialNumber.slice(0, 8)}`] }],
    notBefore: new Date(notBefore),
    notAfter: new Date(notAfter),
    signingAlgorithm: SIGNATURE,
    keys,
    extensions: [
      // One step between it and a node: the next authority, cross-signed.
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificate: `${certificate.toString('pem')}\n`, key: exportKey(keys.privateKey) }
}

/**
 * Certifies the next authority's key with the present authority, so that a machine that trusts only the present one
 * believes certificates of the next. Good as long as the present authority.
 */
export async function crossSign(present: Authority, nextCertificate: string, now: Millis): Promise<string> {
  const x509 = await import('./x509.ts')
  const issuer = new x509.X509Certificate(present.certificate)
  const next = new x509.X509Certificate(nextCertificate)
  const { notBefore } = validity(now, AUTHORITY_LIFE_MS)
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: next.subject,
    issuer: issuer.subject,
    notBefore: new Date(notBefore),
    notAfter: issuer.notAfter,
    signingAlgorithm: SIGNATURE,
    publicKey: next.publicKey,
    signingKey: await importKey(present.key),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(next.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  })
  return `${certificate.toString('pem')}\n`
}

/** 126 random bits: always 32 hex digits, and positive as certificates demand. */
export function newSerial(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bytes.toString('hex')
}
