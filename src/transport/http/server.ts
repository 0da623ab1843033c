import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Api } from '../../control/api.ts'
import { OperationalError } from '../../core/errors.ts'
import type { Millis } from '../../core/model/ids.ts'
import type { Log } from '../../ports/log.ts'
import { createApp, type Serve } from './app.ts'
import { Gate, isLoopback, type Token } from './auth.ts'
import { asOperational, errorAnswer } from './error-answer.ts'
import { ExecSockets, rawAnswer } from './exec-upgrade.ts'
import { listenOnPort, listenOnSocket } from './listeners.ts'
import { metricsText, RequestCounter } from './metrics.ts'
import { openApiDocument } from './openapi.ts'
import { allRoutes } from './routes.ts'

export interface HttpOptions {
  readonly api: Api
  readonly log: Log
  /** null: no TCP listener. Off loopback it needs a certificate: the API speaks only TLS there. */
  readonly listen: ListenAddress | null
  /** null: no socket. */
  readonly socketPath: string | null
  readonly tokens: readonly Token[]
  readonly auth: 'token' | 'none'
  readonly version: string
  /** As other servers know this one; left out: it is the only one. */
  readonly serverName?: string
  /** Milliseconds since 1970; left out: the system's clock. */
  readonly now?: () => Millis
}

export interface ListenAddress {
  readonly host: string
  /** 0: a free one. */
  readonly port: number
  /** PEM of the server's certificate and key. */
  readonly tls?: { readonly cert: string; readonly key: string }
}

export interface HttpServer {
  /** Where it listens, such as `http://127.0.0.1:8080`; null without a TCP listener. */
  readonly address: string | null
  /** Ends streams and connections. Resolves when all are closed, at most two seconds later. */
  close(): Promise<void>
}

const CLOSE_WITHIN_MS = 2_000
const ANSWER_WITHIN_MS = 30_000
const MAX_CONNECTIONS = 2_000
const LIMITS = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 2_000,
  // The gate checks it, and answers in our form.
  requireHostHeader: false,
}

/** Serves the API on a TCP port and on a socket. Throws PORT_IN_USE, CONFIG_INVALID. */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  checkExposure(options)
  const { api, log, version } = options
  const closing = new AbortController()
  const local = new WeakSet<IncomingMessage>()
  const gate = new Gate({ ...options, listenHost: options.listen?.host ?? null, now: options.now ?? Date.now })
  const requests = new RequestCounter()
  const routes = allRoutes({
    version,
    ...(options.serverName === undefined ? {} : { serverName: options.serverName }),
    openapi: () => openApiDocument(routes, version),
    metrics: () => metricsText(api, requests, gate, version),
  })
  const app = createApp({
    api,
    log,
    gate,
    requests,
    routes,
    local,
    closing: closing.signal,
    answerWithinMs: ANSWER_WITHIN_MS,
  })
  await app.ready()
  const exec = new ExecSockets({ api, newRequestId, admit: (request) => admitUpgrade(request, gate, local) })
  const servers: Server[] = []
  const close = async (): Promise<void> => {
    closing.abort(new OperationalError('UNAVAILABLE', 'the server is going down'))
    exec.close()
    await Promise.all(servers.map((server) => closeServer(server, exec)))
    await app.close()
  }
  try {
    const address = await openListeners(options, { exec, local, servers, serve: (...args) => app.routing(...args) })
    return { address, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** What the listeners share. They add themselves to `servers`. */
interface Listening {
  readonly exec: ExecSockets
  readonly local: WeakSet<IncomingMessage>
  readonly servers: Server[]
  readonly serve: Serve
}

async function openListeners({ listen, socketPath }: HttpOptions, listening: Listening): Promise<string | null> {
  const { exec, local, servers, serve } = listening
  let address: string | null = null
  if (listen !== null) {
    const server = await newServer(listen.tls ?? null, exec, serve)
    servers.push(server)
    address = await listenOnPort(server, listen)
  }
  if (socketPath !== null) {
    const server = await newServer(null, exec, (request, response) => {
      local.add(request)
      serve(request, response)
    })
    server.prependListener('upgrade', (request) => local.add(request))
    servers.push(server)
    await listenOnSocket(server, socketPath)
  }
  return address
}

function admitUpgrade(request: IncomingMessage, gate: Gate, local: WeakSet<IncomingMessage>): void {
  if (local.has(request)) return
  gate.checkAddressee(request)
  gate.authenticate(request)
}

function newRequestId(): string {
  return randomBytes(8).toString('hex')
}

function checkExposure({ listen, auth, tokens }: HttpOptions): void {
  if (listen === null) return
  if (auth === 'none' && !isLoopback(listen.host)) {
    throw new OperationalError('CONFIG_INVALID', `the API cannot be served without tokens on ${listen.host}`, {
      hint: 'listen on 127.0.0.1, or use tokens',
    })
  }
  if (auth === 'token' && tokens.length === 0) {
    throw new OperationalError('CONFIG_INVALID', 'there is no token with which anybody could use the API')
  }
  if (listen.tls === undefined && !isLoopback(listen.host)) {
    throw new OperationalError('CONFIG_INVALID', `the API cannot be served on ${listen.host} without a certificate`, {
      hint: 'listen on 127.0.0.1; from elsewhere an SSH tunnel leads there',
    })
  }
}

async function newServer(tls: ListenAddress['tls'] | null, exec: ExecSockets, serve: Serve): Promise<Server> {
  // Any other upgrade that a client offers, to HTTP/2 for one, is left unused and the request answered as it is.
  const limits = { ...LIMITS, shouldUpgradeCallback: (request: IncomingMessage) => exec.wants(request) }
  const server =
    tls === null || tls === undefined ? createServer(limits, serve) : await newTlsServer(tls, limits, serve)
  server.maxConnections = MAX_CONNECTIONS
  server.maxHeadersCount = 100
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    void exec.upgrade(request, socket, head)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (!socket.writable || error.code === 'ECONNRESET') {
      socket.destroy()
      return
    }
    const known = asOperational(error) ?? new OperationalError('USAGE', 'what was sent is not HTTP')
    socket.end(rawAnswer(errorAnswer(known, newRequestId())))
  })
  return server
}

async function newTlsServer(tls: { cert: string; key: string }, limits: typeof LIMITS, serve: Serve): Promise<Server> {
  const { createServer: create } = await import('node:https')
  return create({ ...limits, ...tls, minVersion: 'TLSv1.2' }, serve)
}

function closeServer(server: Server, exec: ExecSockets): Promise<void> {
  if (!server.listening) return Promise.resolve()
  return new Promise((resolve) => {
    const late = setTimeout(() => {
      exec.terminate()
      server.closeAllConnections()
    }, CLOSE_WITHIN_MS)
    server.close(() => {
      clearTimeout(late)
      resolve()
    })
    server.closeIdleConnections()
  })
}
