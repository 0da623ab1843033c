import { createHash, type X509Certificate } from 'node:crypto'
import { checkServerIdentity, connect, type PeerCertificate } from 'node:tls'
import { OperationalError } from '../../core/errors.ts'
import { parseIdentity } from '../../core/identity/certificate-policy.ts'
import { toBase32 } from '../../lib/base32.ts'
import { NOT_A_SERVER } from './failures.ts'
import type { UrlTarget } from './send.ts'
import { baseOf, hostOf } from './server-url.ts'

/** What a connection believes of the server at its other end, as options of `tls.connect`. */
export interface ServerTrust {
  readonly ca?: string
  readonly checkServerIdentity?: (host: string, certificate: PeerCertificate) => Error | undefined
}

const CONNECT_WITHIN_MS = 10_000
const found = new Map<string, Promise<string>>()

/**
 * Whom a target believes: the authority that it names, by certificate or by fingerprint, else those that the system
 * knows. Rejects with the error of the socket when the server cannot be reached; throws FORBIDDEN where no authority with that fingerprint vouches for the server.
 */
export async function serverTrust(target: UrlTarget): Promise<ServerTrust> {
  const ca = target.ca ?? (target.fingerprint === undefined ? undefined : await authorityOf(target, target.fingerprint))
  return ca === undefined ? {} : { ca, checkServerIdentity: judgeServer }
}

/**
 * A certificate of a cluster's authority says what it stands for: it must be a server, whatever its address. Any other
 * is judged by the name that was dialled.
 */
function judgeServer(host: string, certificate: PeerCertificate): Error | undefined {
  const uris = (certificate.subjectaltname ?? '').match(/URI:spiffe:[^,\s"]+/g) ?? []
  if (uris.length === 0) return checkServerIdentity(host, certificate)
  const [uri = '', ...more] = uris
  const identity = more.length > 0 ? null : parseIdentity(uri.slice('URI:'.length))
  if (identity?.role === 'server') return undefined
  return Object.assign(new Error('its certificate is not that of a server'), { code: NOT_A_SERVER })
}

/** The certificate of the authority with this fingerprint, as the server shows it. Nothing is said to the server before. */
function authorityOf(target: UrlTarget, fingerprint: string): Promise<string> {
  const key = `${target.url} ${fingerprint}`
  const known = found.get(key)
  if (known !== undefined) return known
  const asked = askForAuthority(target, fingerprint)
  found.set(key, asked)
  asked.catch(() => found.delete(key))
  return asked
}

function askForAuthority({ url, timeoutMs }: UrlTarget, fingerprint: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const base = baseOf(url)
    const host = hostOf(base)
    const socket = connect({ host, port: Number(base.port || 443), rejectUnauthorized: false })
    const unreached = (code: string): void => {
      reject(Object.assign(new Error('the server cannot be reached'), { code }))
      socket.destroy()
    }
    socket.setTimeout(timeoutMs ?? CONNECT_WITHIN_MS, () => unreached('ETIMEDOUT'))
    socket.once('error', (cause: NodeJS.ErrnoException) => unreached(cause.code ?? cause.message))
    socket.once('close', () => unreached('ECONNRESET'))
    socket.once('secureConnect', () => {
      const ca = shownAuthorities(socket.getPeerX509Certificate()).find((one) => fingerprintOf(one) === fingerprint)
      if (ca === undefined) {
        reject(
          new OperationalError('FORBIDDEN', `the server at ${url} does not belong to the authority ${fingerprint}`, {
            hint: 'check the fingerprint; the third part of a join token is that of its cluster',
          }),
        )
      } else resolve(ca.toString())
      socket.destroy()
    })
  })
}

/** The certificates above that of the server. */
function shownAuthorities(first: X509Certificate | undefined): readonly X509Certificate[] {
  const shown: X509Certificate[] = []
  for (let one = first?.issuerCertificate; one !== undefined && shown.length < 10; one = one.issuerCertificate) {
    if (shown.some(({ fingerprint256 }) => fingerprint256 === one?.fingerprint256)) break
    shown.push(one)
  }
  return shown
}

/** SHA-256 of a certificate's public key (SPKI) in base32, as in join tokens. */
function fingerprintOf({ publicKey }: X509Certificate): string {
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  return toBase32(createHash('sha256').update(spki).digest())
}
