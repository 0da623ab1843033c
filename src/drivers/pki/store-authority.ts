import { createECDH, createPrivateKey, createPublicKey, type KeyObject, webcrypto } from 'node:crypto'
import { STABLE_NAME } from '../../core/identity/certificate-policy.ts'
import type { Millis } from '../../core/model/ids.ts'
import { type Authority, newSerial } from './authority.ts'
import { subjectNames } from './issue-certificate.ts'
import { exportKey, generateKeys, importKey, KEY, SIGNATURE } from './keys.ts'
import { clusterKeyId, purposeKey } from './seal.ts'

const DAY_MS: Millis = 24 * 3_600_000
/** Long, for nobody has to be asked for the next one, and whoever has the cluster key can make one at any time. */
const LIFE_MS: Millis = 30 * DAY_MS
/** Clocks of servers may differ by a day: what they disagree on must not take the store from them. */
const BACKDATE_MS: Millis = DAY_MS
/** The same on every server: they must agree on it to the letter. */
const AUTHORITY_NOT_BEFORE = new Date('2020-01-01T00:00:00Z')
const AUTHORITY_NOT_AFTER = new Date('2099-12-31T23:59:59Z')
/** Order of the group of P-256. */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

/**
 * The authority of those who may use the store. Its key follows from the cluster key, so every server has it and no
 * agent does; two servers that make it have the same one, and each certifies itself.
 */
export async function storeAuthority(clusterKey: Buffer): Promise<Authority> {
  const x509 = await import('./x509.ts')
  const privateKey = keyFrom(purposeKey(clusterKey, 'store'))
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
  const publicKey = await webcrypto.subtle.importKey('spki', spki, KEY, true, ['verify'])
  const name = [{ CN: [`gantry store ${clusterKeyId(clusterKey)}`] }]
  const certificate = await x509.X509CertificateGenerator.create({
    // Certificates name their authority by subject and key.
    serialNumber: '01',
    subject: name,
    issuer: name,
    notBefore: AUTHORITY_NOT_BEFORE,
    notAfter: AUTHORITY_NOT_AFTER,
    signingAlgorithm: SIGNATURE,
    publicKey,
    signingKey: await importKey(key),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  })
  return { certificate: `${certificate.toString('pem')}\n`, key }
}

/** A new key and its certificate for a server of the store, reached at `host`; both ends of a connection may show it. */
export async function issueStoreCertificate(
  authority: Authority,
  host: string,
  now: Millis,
): Promise<{ readonly key: string; readonly certificate: string }> {
  const x509 = await import('./x509.ts')
  const keys = await generateKeys()
  const issuer = new x509.X509Certificate(authority.certificate)
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: [{ CN: [`${STABLE_NAME} store member`] }],
    issuer: issuer.subject,
    notBefore: new Date(now - BACKDATE_MS),
    notAfter: new Date(now + LIFE_MS),
    signingAlgorithm: SIGNATURE,
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.key),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension(subjectNames([STABLE_NAME, host])),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  })
  return { key: exportKey(keys.privateKey), certificate: `${certificate.toString('pem')}\n` }
}

/** 256 bits are a private key of P-256 but for a share of 2^-32, which wraps around. */
function keyFrom(bytes: Buffer): KeyObject {
  const scalar = (BigInt(`0x${bytes.toString('hex')}`) % (ORDER - 1n)) + 1n
  const ecdh = createECDH('prime256v1')
  const d = Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex')
  ecdh.setPrivateKey(d)
  const point = ecdh.getPublicKey()
  const [x, y] = [point.subarray(1, 33), point.subarray(33)]
  const text = (part: Buffer): string => part.toString('base64url')
  return createPrivateKey({
    key: { kty: 'EC', crv: 'P-256', d: text(d), x: text(x), y: text(y) },
    format: 'jwk',
  })
}
