import { createHash, type KeyObject, X509Certificate } from 'node:crypto'
import { OperationalError } from '../../core/errors.ts'
import type { Millis } from '../../core/model/ids.ts'
import { toBase32 } from '../../lib/base32.ts'

/** Whose a certificate is, and when it is good. */
export interface CertificateTerms {
  /** In small hex digits. */
  readonly serial: string
  /** The identity in it; null unless it names exactly one. */
  readonly uri: string | null
  readonly notBefore: Millis
  readonly notAfter: Millis
  /** The certificate itself. */
  readonly der: Buffer
}

/** What Gantry wants to know of a certificate. */
export interface CertificateDescription extends CertificateTerms {
  /** SHA-256 of the public key (SPKI) in base32, as in join tokens. */
  readonly keyHash: string
}

/** Describes a certificate, the first one of a PEM text that has several. Throws STORE_CORRUPT for what is none. */
export function describeCertificate(certificate: X509Certificate | string): CertificateDescription {
  const x509 = typeof certificate === 'string' ? readCertificate(certificate) : certificate
  return { ...termsOf(x509), keyHash: keyHash(x509.publicKey) }
}

/** The same without its key, for connections that come by thousands: to hash a key takes longer than all else. */
export function termsOf(x509: X509Certificate): CertificateTerms {
  return {
    serial: x509.serialNumber.toLowerCase(),
    uri: onlyUri(x509.subjectAltName ?? ''),
    notBefore: Date.parse(x509.validFrom),
    notAfter: Date.parse(x509.validTo),
    der: x509.raw,
  }
}

/** SHA-256 of a public key (SPKI) in base32. */
export function keyHash(publicKey: KeyObject): string {
  return toBase32(
    createHash('sha256')
      .update(publicKey.export({ type: 'spki', format: 'der' }))
      .digest(),
  )
}

/** Reads a certificate in PEM. Throws STORE_CORRUPT. */
export function readCertificate(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch (cause) {
    throw new OperationalError('STORE_CORRUPT', 'cannot read a certificate: it is damaged or none', { cause })
  }
}

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----\n?/g

/** The certificates of a PEM text, one text each. */
export function splitBundle(pem: string): readonly string[] {
  return pem.match(BLOCK) ?? []
}

/** Node quotes a name that has a comma in it, so a name cannot pass for two. */
function onlyUri(subjectAltName: string): string | null {
  const names = subjectAltName.match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/g) ?? []
  const uris = names.map((name) => name.trim()).filter((name) => name.startsWith('URI:'))
  return uris.length === 1 ? (uris[0]?.slice('URI:'.length) ?? null) : null
}
