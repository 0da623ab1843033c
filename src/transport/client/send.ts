import { type ClientRequest, type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http'
import { OperationalError } from '../../core/errors.ts'

/** Where a server is: its socket on this machine, or a URL with a token. */
export type Target =
  | {
      readonly socketPath: string
      /** For the socket of a machine that passes on to its servers; null: whoever can open it is believed. */
      readonly token?: string | null
    }
  | {
      /** `http://127.0.0.1:8080` or `https://host:8080` */
      readonly url: string
      readonly token: string | null
      /** PEM of the authority that signed the server's certificate; left out: those that the system knows. */
      readonly ca?: string
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
  const request = await openRequest(target, outgoing)
  return new Promise((resolve, reject) => {
    let connected = false
    request.once('socket', (socket) => {
      socket.once('secureConnect', () => {
        connected = true
      })
      socket.once('connect', () => {
        connected = !isTls(target)
      })
    })
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
  const { hostname, port, protocol } = baseOf(target.url)
  const address = { host: hostname.replace(/^\[|\]$/g, ''), ...(port === '' ? {} : { port }) }
  if (protocol === 'http:') return requestHttp({ ...common, ...address })
  const { request: requestHttps } = await import('node:https')
  return requestHttps({ ...common, ...address, ...(target.ca === undefined ? {} : { ca: target.ca }) })
}

/** The parsed URL of a server. Throws USAGE when it is none. */
export function baseOf(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : null
  if (parsed === null || (parsed.protocol !== 'http:' && parsed.protocol !== 'https:')) {
    throw new OperationalError('USAGE', `${url} is not the address of a server`, {
      hint: 'such as http://127.0.0.1:8080',
    })
  }
  return parsed
}

function isTls(target: Target): boolean {
  return !('socketPath' in target) && target.url.startsWith('https:')
}
