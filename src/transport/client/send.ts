import { type ClientRequest, type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http'
import { OperationalError } from '../../core/errors.ts'
import { baseOf, checkCarrier, hostOf } from './server-url.ts'

/** A server's socket on this machine. */
export interface SocketTarget {
  readonly socketPath: string
  /** For the socket of a machine that passes on to its servers; null: whoever can open it is believed. */
  readonly token?: string | null
}

/** A server elsewhere. */
export interface UrlTarget {
  /** `http://127.0.0.1:8080` or `https://host:8080` */
  readonly url: string
  readonly token: string | null
  /** PEM of the authority that signed the server's certificate; left out: those that the system knows. */
  readonly ca?: string
  /** Of that authority, as in join tokens, where its certificate is not at hand. */
  readonly fingerprint?: string
  /** A server that does not let us connect within that time counts as gone; left out: as long as the kernel tries. */
  readonly timeoutMs?: number
}

/** Where a server is: its socket on this machine, or a URL with a token. */
export type Target = SocketTarget | UrlTarget

/** How a target is called in messages. */
export function nameOf(target: Target): string {
  return 'socketPath' in target ? target.socketPath : target.url
}

export interface Outgoing {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
  readonly signal: AbortSignal | null
  /** Time without any byte after which the answer counts as lost; null: none. */
  readonly timeoutMs: number | null
}

export type Sent =
  | { readonly kind: 'response'; readonly response: IncomingMessage }
  /** The server never saw the request. */
  | { readonly kind: 'refused'; readonly cause: unknown }
  /** The server may have seen the request and acted on it. */
  | { readonly kind: 'lost'; readonly cause: unknown }

/** Sends one request on a connection of its own. Rejects with the signal's reason when that aborts. */
export async function send(target: Target, outgoing: Outgoing): Promise<Sent> {
  const request = await openRequest(target, outgoing).catch((cause: unknown) => {
    if (cause instanceof OperationalError) throw cause
    return { cause }
  })
  if ('cause' in request) return { kind: 'refused', cause: request.cause }
  return new Promise((resolve, reject) => {
    let connected = false
    const late = connectTimer(target, request)
    const onConnected = (): void => {
      connected = true
      clearTimeout(late)
    }
    request.once('socket', (socket) => socket.once(isTls(target) ? 'secureConnect' : 'connect', onConnected))
    request.once('close', () => clearTimeout(late))
    request.once('response', (response) => resolve({ kind: 'response', response }))
    request.on('error', (cause) => {
      if (outgoing.signal?.aborted) reject(outgoing.signal.reason as Error)
      else resolve({ kind: connected ? 'lost' : 'refused', cause })
    })
    if (outgoing.timeoutMs !== null) {
      request.setTimeout(outgoing.timeoutMs, () => request.destroy(new Error(`no answer in ${outgoing.timeoutMs} ms`)))
    }
    request.end(outgoing.body ?? undefined)
  })
}

function connectTimer(target: Target, request: ClientRequest): NodeJS.Timeout | undefined {
  if ('socketPath' in target || target.timeoutMs === undefined) return undefined
  const gone = (): unknown => request.destroy(Object.assign(new Error('no connection in time'), { code: 'ETIMEDOUT' }))
  return setTimeout(gone, target.timeoutMs)
}

async function openRequest(target: Target, outgoing: Outgoing): Promise<ClientRequest> {
  const { method, path, body, signal } = outgoing
  const headers: Record<string, string> = { accept: 'application/json', ...outgoing.headers }
  if (body !== null) headers['content-length'] = String(Buffer.byteLength(body))
  const token = target.token ?? null
  if (token !== null) headers['authorization'] = `Bearer ${token}`
  const common: RequestOptions = { method, path, headers, agent: false, ...(signal === null ? {} : { signal }) }
  if ('socketPath' in target) {
    // The empty server name keeps Node from looking for one: that would be the slowest part of a listing.
    const local = { ...common, socketPath: target.socketPath, host: 'localhost', servername: '' }
    return requestHttp(local)
  }
  const base = baseOf(target.url)
  const address = { host: hostOf(base), ...(base.port === '' ? {} : { port: base.port }) }
  if (token !== null) checkCarrier(base)
  if (base.protocol === 'http:') return requestHttp({ ...common, ...address })
  const [{ request: requestHttps }, { serverTrust }] = await Promise.all([
    import('node:https'),
    import('./server-trust.ts'),
  ])
  return requestHttps({ ...common, ...address, ...(await serverTrust(target)) })
}

/** Whether a target is reached over TLS. */
export function isTls(target: Target): target is UrlTarget {
  return !('socketPath' in target) && target.url.startsWith('https:')
}
