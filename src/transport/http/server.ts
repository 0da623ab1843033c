import { randomBytes } from 'node:crypto'
import type { IncomingMessage, Server } from 'node:http'
import type { Server as TlsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import type { Api } from '../../control/api.ts'
import { OperationalError } from '../../core/errors.ts'
import type { Millis } from '../../core/model/ids.ts'
import type { Log } from '../../ports/log.ts'
import { createApp, type Serve } from './app.ts'
import { Gate, isLoopback, type Token } from './auth.ts'
import { ExecSockets } from './exec-upgrade.ts'
import { ASKED_BY_HEADER, type DialLeader, forwardRequest, forwardUpgrade } from './forward.ts'
import { listenOnPort, listenOnSocket } from './listeners.ts'
import { eventLoopDelay, type MoreMetrics, metricFamilies, RequestCounter } from './metrics.ts'
import { newServer, SERVER_LIMITS, type ServerLimits } from './new-server.ts'
import { openApiDocument } from './openapi.ts'
import type { Route } from './routes/route.ts'
import { allRoutes } from './routes.ts'

export interface HttpOptions {
  readonly api: Api
  readonly log: Log
  /** null: no TCP listener. Off loopback it needs a certificate: the API speaks only TLS there. */
  readonly listen: ListenAddress | null
  /** null: no socket. */
  readonly socketPath: string | null
  /** Those that are good now. */
  readonly tokens: () => readonly Token[]
  readonly auth: 'token' | 'none'
  readonly version: string
  /** What else is measured in this process. */
  readonly metrics?: readonly MoreMetrics[]
  /** What is served instead of the whole API. */
  readonly routes?: readonly Route[]
  /** Other names by which clients may call this server. */
  readonly names?: readonly string[]
  /** As other servers know this one; left out: it is the only one. */
  readonly serverName?: string
  /** How another server is reached that is to answer instead of this one; null: this one answers. */
  readonly elsewhere?: () => DialLeader | null
  /** Milliseconds since 1970; left out: the system's clock. */
  readonly now?: () => Millis
  readonly limits?: ServerLimits
}

export interface ListenAddress {
  readonly host: string
  /** 0: a free one. */
  readonly port: number
  readonly tls?: Tls
}

/** PEM of a server's certificate and key. */
export interface Tls {
  readonly cert: string
  readonly key: string
}

export interface HttpServer {
  /** Where it listens, such as `http://127.0.0.1:8080`; null without a TCP listener. */
  readonly address: string | null
  /**
   * Serves a connection that came another way. `trusted`: the other end has asked its user who he is and says it; from
   * others requests must prove it, or are answered as those of `name` are.
   */
  take(socket: Duplex, peer: { readonly name: string; readonly trusted: boolean }): void
  /** From now on new connections see this certificate. */
  renew(tls: Tls): void
  /** Ends streams and connections. Resolves when all are closed, at most two seconds later. */
  close(): Promise<void>
}

const LOCAL_USER = 'local user'
const CLOSE_WITHIN_MS = 2_000
const ANSWER_WITHIN_MS = 30_000

/** Serves the API on a TCP port and on a socket. Throws PORT_IN_USE, CONFIG_INVALID. */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  checkExposure(options)
  const { api, log } = options
  const closing = new AbortController()
  const local = new WeakMap<IncomingMessage, string>()
  const peers = new WeakMap<Duplex, string>()
  const nodeOf = (request: IncomingMessage): string | null => peers.get(request.socket) ?? null
  const gate = new Gate({
    ...options,
    listenHost: options.listen?.host ?? null,
    names: options.names ?? [],
    now: options.now ?? Date.now,
  })
  const requests = new RequestCounter()
  const routes = options.routes ?? wholeApi(options, gate, requests)
  const app = createApp({
    api,
    log,
    gate,
    requests,
    routes,
    local,
    nodeOf,
    closing: closing.signal,
    answerWithinMs: ANSWER_WITHIN_MS,
  })
  await app.ready()
  const exec = new ExecSockets({ api, newRequestId, admit: (request) => admitUpgrade(request, gate, local) })
  const servers: Server[] = []
  const serve: Serve = (request, response) => app.routing(request, response)
  const ofItself = new Set(routes.filter((route) => route.ofItself).map(({ path }) => path))
  const listening = { exec, local, nodeOf, servers, serve, gate, ofItself }
  const take = await takeOver(options, listening, peers)
  const close = async (): Promise<void> => {
    closing.abort(new OperationalError('UNAVAILABLE', 'the server is going down'))
    exec.close()
    await Promise.all(servers.map((server) => closeServer(server, exec)))
    await app.close()
  }
  try {
    const address = await openListeners(options, listening)
    return { address, take, renew: (tls) => renewIn(servers, tls), close }
  } catch (error) {
    await close()
    throw error
  }
}

/** All routes, and what is measured of them and of this process. */
function wholeApi(options: HttpOptions, gate: Gate, requests: RequestCounter): readonly Route[] {
  const { api, version, serverName } = options
  const more = [eventLoopDelay(), ...(options.metrics ?? [])]
  const self = serverName ?? null
  const all: readonly Route[] = allRoutes({
    version,
    ...(serverName === undefined ? {} : { serverName }),
    openapi: () => openApiDocument(all, version),
    metrics: () => metricFamilies(api, requests, gate, { version, self, more }),
  })
  return all
}

/** Serves connections that come another way. Of those who are not trusted it is noted in `peers` which node they are. */
async function takeOver(
  options: HttpOptions,
  listening: Listening,
  peers: WeakMap<Duplex, string>,
): Promise<HttpServer['take']> {
  const { exec, local, serve } = listening
  const trusting: Serving = {
    request: (request, response) => {
      local.set(request, askedBy(request))
      serve(request, response)
    },
    upgrade: upgradeHere(exec),
  }
  const trusted = await newInnerServer(trusting, exec, options.limits)
  const other = await newInnerServer(orElsewhere(options, listening), exec, options.limits)
  trusted.prependListener('upgrade', (request) => local.set(request, askedBy(request)))
  return (socket, peer) => {
    if (!peer.trusted) peers.set(socket, peer.name)
    ;(peer.trusted ? trusted : other).emit('connection', socket)
  }
}

function renewIn(servers: readonly Server[], tls: Tls): void {
  for (const server of servers) if ('setSecureContext' in server) (server as TlsServer).setSecureContext(tls)
}

/** What the listeners share. They add themselves to `servers`. */
interface Listening {
  readonly exec: ExecSockets
  readonly local: WeakMap<IncomingMessage, string>
  readonly nodeOf: (request: IncomingMessage) => string | null
  readonly servers: Server[]
  readonly serve: Serve
  readonly gate: Gate
  /** Paths of what this server answers about itself. */
  readonly ofItself: ReadonlySet<string>
}

async function openListeners(options: HttpOptions, listening: Listening): Promise<string | null> {
  const { listen, socketPath } = options
  const { exec, local, servers } = listening
  const serve = orElsewhere(options, listening)
  const common = { newRequestId, wants: (request: IncomingMessage) => exec.wants(request), upgrade: serve.upgrade }
  let address: string | null = null
  if (listen !== null) {
    const given = options.limits ?? SERVER_LIMITS
    // On loopback everybody has the same address.
    const limits = isLoopback(listen.host) ? { ...given, perAddress: given.connections } : given
    const server = await newServer({ ...common, limits, tls: listen.tls ?? null, serve: serve.request })
    servers.push(server)
    address = await listenOnPort(server, listen)
  }
  if (socketPath !== null) {
    const limits = { ...SERVER_LIMITS, perAddress: SERVER_LIMITS.connections }
    const server = await newServer({
      ...{ ...common, limits, tls: null },
      serve: (request, response) => {
        local.set(request, LOCAL_USER)
        serve.request(request, response)
      },
    })
    server.prependListener('upgrade', (request) => local.set(request, LOCAL_USER))
    servers.push(server)
    await listenOnSocket(server, socketPath)
  }
  return address
}

interface Serving {
  readonly request: Serve
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
}

function upgradeHere(exec: ExecSockets): Serving['upgrade'] {
  return (request, socket, head) => void exec.upgrade(request, socket, head)
}

/** Serves connections that come another way, where they are counted. Node looks at the time that requests take only where it listens. */
async function newInnerServer(
  { request: serve, upgrade }: Serving,
  exec: ExecSockets,
  limits = SERVER_LIMITS,
): Promise<Server> {
  const server = await newServer({
    tls: null,
    limits: { ...limits, connections: Number.POSITIVE_INFINITY, perAddress: Number.POSITIVE_INFINITY },
    ...{ newRequestId, serve, wants: (request) => exec.wants(request) },
    upgrade: (request, socket, head) => {
      request.socket.setTimeout(0)
      upgrade(request, socket, head)
    },
  })
  server.setTimeout(limits.requestWithinMs)
  server.on('request', (request, response) => {
    // An answer may take its time, and a stream may be quiet for long.
    response.on('timeout', () => request.complete || request.socket.destroy())
  })
  return server
}

/** Answers by this server, or by the leader where that is another. Who asks is found out here either way. */
function orElsewhere(
  { elsewhere, serverName: at = '' }: HttpOptions,
  { exec, local, nodeOf, serve, gate, ofItself }: Listening,
): Serving {
  const asked = (request: IncomingMessage): string | null => {
    const by = local.get(request)
    if (by !== undefined) return by
    // What a machine may ask without a token every server answers.
    if (nodeOf(request) !== null && request.headers.authorization === undefined) return null
    gate.checkAddressee(request)
    return gate.authenticate(request)
  }
  const here = (): DialLeader | null => elsewhere?.() ?? null
  return {
    request: (request, response) => {
      const dial = ofItself.has((request.url ?? '').split('?', 1)[0] ?? '') ? null : here()
      const by = dial === null ? null : whoOrNull(() => asked(request))
      // Whoever is not let in is told so by this server.
      if (dial === null || by === null) serve(request, response)
      else {
        // Without a leader the last known state is worth more than an error.
        const otherwise = request.method === 'GET' ? () => serve(request, response) : null
        void forwardRequest(request, response, { by, at, dial, requestId: newRequestId(), otherwise })
      }
    },
    upgrade: (request, socket, head) => {
      const dial = here()
      const by = dial === null ? null : whoOrNull(() => asked(request))
      if (dial === null || by === null) upgradeHere(exec)(request, socket, head)
      else void forwardUpgrade(request, socket, head, { by, at, dial, requestId: newRequestId() })
    },
  }
}

function whoOrNull(ask: () => string | null): string | null {
  try {
    return ask()
  } catch (error) {
    if (error instanceof OperationalError) return null
    throw error
  }
}

/** Who asked, by the word of a server that has asked him. */
function askedBy(request: IncomingMessage): string {
  const by = request.headers[ASKED_BY_HEADER]
  return typeof by === 'string' && by !== '' ? by.slice(0, 200) : 'another server'
}

function admitUpgrade(request: IncomingMessage, gate: Gate, local: WeakMap<IncomingMessage, string>): string {
  const by = local.get(request)
  if (by !== undefined) return by
  gate.checkAddressee(request)
  return gate.authenticate(request)
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
  if (auth === 'token' && tokens().length === 0) {
    throw new OperationalError('CONFIG_INVALID', 'there is no token with which anybody could use the API')
  }
  if (listen.tls === undefined && !isLoopback(listen.host)) {
    throw new OperationalError('CONFIG_INVALID', `the API cannot be served on ${listen.host} without a certificate`, {
      hint: 'listen on 127.0.0.1; from elsewhere an SSH tunnel leads there',
    })
  }
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
