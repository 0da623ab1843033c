import { createPublicKey } from 'node:crypto'
import { OperationalError } from '../../core/errors.ts'
import { STABLE_NAME } from '../../core/identity/certificate-policy.ts'
import { exportKey, generateKeys, SIGNATURE } from './keys.ts'

/** A new private key, which never leaves its machine, and the request to certify it; both in PEM. */
export interface KeyAndRequest {
  readonly key: string
  readonly request: string
}

/** Makes a key (EC P-256) and a request that proves its possession. The request says nothing of who asks: a server decides that. */
export async function newKeyAndRequest(): Promise<KeyAndRequest> {
  const x509 = await import('./x509.ts')
  const keys = await generateKeys()
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [STABLE_NAME] }],
    signingAlgorithm: SIGNATURE,
    keys,
  })
  return { key: exportKey(keys.privateKey), request: `${request.toString('pem')}\n` }
}

/** A request is a page long; far longer ones are not worth reading. */
const LONGEST_REQUEST = 8_192

/** The public key (SPKI, DER) of a request whose sender has the private one. Throws USAGE for everything else. */
export async function provenKey(request: string): Promise<ArrayBuffer> {
  const { Pkcs10CertificateRequest } = await import('./x509.ts')
  if (request.length > LONGEST_REQUEST) throw refused('it is too long')
  try {
    const parsed = new Pkcs10CertificateRequest(request)
    const spki = parsed.publicKey.rawData
    if (!isP256(spki)) throw refused('its key is not an EC key on P-256')
    if (!(await parsed.verify())) throw refused('its signature does not prove that the sender has the key')
    return spki
  } catch (cause) {
    throw cause instanceof OperationalError ? cause : refused('it is malformed', cause)
  }
}

function isP256(spki: ArrayBuffer): boolean {
  const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
  return key.asymmetricKeyDetails?.namedCurve === 'prime256v1'
}

function refused(why: string, cause?: unknown): OperationalError {
  return new OperationalError('USAGE', `cannot certify this request: ${why}`, cause === undefined ? {} : { cause })
}
