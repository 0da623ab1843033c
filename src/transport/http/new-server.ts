import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { OperationalError } from '../../core/errors.ts'
import type { Millis } from '../../core/model/ids.ts'
import { ConnectionCount } from '../../lib/connection-count.ts'
import type { Serve } from './app.ts'
import { asOperational, errorAnswer } from './error-answer.ts'
import { lastAnswer } from './last-answer.ts'
import type { Tls } from './server.ts'

/** What strangers may make a server keep. */
export interface ServerLimits {
  readonly connections: number
  /** Of them from one address, where others than this machine reach the server. */
  readonly perAddress: number
  /** For TLS, and then for the first line and the headers of a request. */
  readonly beginWithinMs: Millis
  /** For a request with its body. */
  readonly requestWithinMs: Millis
}

export const SERVER_LIMITS: ServerLimits = {
  connections: 2_000,
  perAddress: 500,
  beginWithinMs: 10_000,
  requestWithinMs: 30_000,
}

export const MAX_HEADERS = 100

export interface NewServer {
  /** null: what comes is not encrypted. */
  readonly tls: Tls | null
  readonly limits: ServerLimits
  readonly newRequestId: () => string
  readonly serve: Serve
  /** Whether an upgrade that a client offers is taken. Any other is left unused, and the request answered as it is. */
  readonly wants: (request: IncomingMessage) => boolean
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
}

/** A server that does not listen yet. Whoever is slow, says too much or what is not HTTP loses its connection. */
export async function newServer(options: NewServer): Promise<Server> {
  const { tls, limits, serve, wants, upgrade, newRequestId } = options
  const { connections: total, perAddress, beginWithinMs, requestWithinMs } = limits
  const http = {
    maxHeaderSize: 16 * 1024,
    headersTimeout: beginWithinMs,
    requestTimeout: requestWithinMs,
    keepAliveTimeout: 5_000,
    connectionsCheckingInterval: beginWithinMs / 5,
    // The gate checks it, and answers in our form.
    requireHostHeader: false,
    shouldUpgradeCallback: wants,
  }
  const server =
    tls === null ? createServer(http, serve) : await newTlsServer({ ...http, ...tls }, beginWithinMs, serve)
  const count = new ConnectionCount({ total, perAddress })
  server.on('connection', (socket) => {
    if (!count.admit(socket)) socket.destroy()
  })
  // The rest would be left out without a word; this one more tells that there are too many.
  server.maxHeadersCount = MAX_HEADERS + 1
  server.on('upgrade', upgrade)
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (!socket.writable || error.code === 'ECONNRESET') {
      socket.destroy()
      return
    }
    const known = asOperational(error) ?? new OperationalError('USAGE', 'what was sent is not HTTP')
    lastAnswer(socket, errorAnswer(known, newRequestId()))
  })
  return server
}

async function newTlsServer(options: object, handshakeTimeout: Millis, serve: Serve): Promise<Server> {
  const { createServer: create } = await import('node:https')
  return create({ ...options, handshakeTimeout, minVersion: 'TLSv1.2' }, serve)
}
