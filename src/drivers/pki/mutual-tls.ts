import { constants } from 'node:crypto'
import type { SecureContextOptions, TLSSocket } from 'node:tls'
import { judgePeer, type PeerVerdict, STABLE_NAME } from '../../core/identity/certificate-policy.ts'
import type { Role } from '../../core/model/identity.ts'
import { type CertificateTerms, termsOf } from './describe-certificate.ts'
import type { StoredIdentity } from './identity-files.ts'

/** What both ends of a connection between our own processes use: TLS 1.3, and a certificate on each side. */
interface MutualTls extends SecureContextOptions {
  readonly requestCert: true
  readonly rejectUnauthorized: true
  /** For the end that dials: the name that every certificate of ours carries, whatever address is dialled. */
  readonly servername: string
}

/** Options of `tls.connect` and `tls.createServer` for a machine with this identity. They say nothing yet of who the peer is. */
export function mutualTls(identity: StoredIdentity): MutualTls {
  return {
    key: identity.key,
    cert: identity.certificate,
    ca: identity.bundle,
    minVersion: 'TLSv1.3',
    requestCert: true,
    rejectUnauthorized: true,
    servername: STABLE_NAME,
    // A resumed session is not verified again, so with one a certificate could be used after its end.
    secureOptions: constants.SSL_OP_NO_TICKET,
  }
}

/** A connection keeps its certificate, but TLS does not always tell it a second time. */
const read = new WeakMap<TLSSocket, CertificateTerms>()

/** What the certificate of the other end says; null: it has shown none. */
export function peerCertificateOf(socket: TLSSocket): CertificateTerms | null {
  const known = read.get(socket)
  if (known !== undefined) return known
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return null
  const description = termsOf(certificate)
  read.set(socket, description)
  return description
}

/** Judges who is at the other end of a connection that TLS has accepted. Ask again when a certificate is revoked. */
export function judgeSocket(
  socket: TLSSocket,
  clusterId: string,
  revokedSerials: ReadonlySet<string>,
  expected: Role | 'any',
): PeerVerdict {
  const { uri, serial } = peerCertificateOf(socket) ?? { uri: null, serial: '' }
  return judgePeer(uri, clusterId, revokedSerials, serial, expected)
}
