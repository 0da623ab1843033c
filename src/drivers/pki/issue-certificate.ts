import { isIP } from 'node:net'
import { OperationalError } from '../../core/errors.ts'
import { formatIdentity, NODE_LIFE_MS, STABLE_NAME, validity } from '../../core/identity/certificate-policy.ts'
import type { NodeIdentity } from '../../core/model/identity.ts'
import type { Millis } from '../../core/model/ids.ts'
import { type Authority, newSerial } from './authority.ts'
import { importKey, SIGNATURE } from './keys.ts'
import { provenKey } from './request.ts'
import type { JsonGeneralName } from './x509.ts'

/** What a server decides of a certificate. The request has no say in it. */
export interface CertificateTerms extends NodeIdentity {
  /** IP addresses and DNS names, for those who dial them by these names. */
  readonly addresses: readonly string[]
  readonly now: Millis
  readonly lifeMs?: Millis
}

/**
 * Certifies the key of a request, for both ends of a connection. Takes nothing from the request but the key, and that only
 * from a sender who has its private half. Returns PEM. Throws USAGE for a request that is not sound.
 */
export async function issueCertificate(
  authority: Authority,
  request: string,
  terms: CertificateTerms,
): Promise<string> {
  const x509 = await import('./x509.ts')
  const publicKey = await provenKey(request)
  const issuer = new x509.X509Certificate(authority.certificate)
  const { notBefore, notAfter } = validity(terms.now, terms.lifeMs ?? NODE_LIFE_MS)
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: [{ CN: [`gantry ${terms.role} ${terms.nodeId}`] }],
    issuer: issuer.subject,
    notBefore: new Date(notBefore),
    // Nothing outlives the one who vouches for it.
    notAfter: new Date(Math.min(notAfter, issuer.notAfter.getTime())),
    signingAlgorithm: SIGNATURE,
    publicKey,
    signingKey: await importKey(authority.key),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension(alternativeNames(terms)),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  })
  return `${certificate.toString('pem')}\n`
}

function alternativeNames(terms: CertificateTerms): JsonGeneralName[] {
  return [{ type: 'url', value: formatIdentity(terms) }, ...subjectNames([STABLE_NAME, ...terms.addresses])]
}

/** IP addresses and DNS names as they stand in a certificate, each once. Throws USAGE for what is neither. */
export function subjectNames(names: readonly string[]): JsonGeneralName[] {
  return [...new Set(names)].map(alternativeName)
}

function alternativeName(address: string): JsonGeneralName {
  if (isIP(address) !== 0 && !address.includes('%')) return { type: 'ip', value: address }
  if (/^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(address)) return { type: 'dns', value: address }
  throw new OperationalError(
    'USAGE',
    `cannot certify ${JSON.stringify(address)}: it is neither an IP address nor a name`,
  )
}
