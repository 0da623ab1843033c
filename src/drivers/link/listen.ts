import { connect } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { OperationalError } from '../../core/errors.ts'
import type { PeerVerdict } from '../../core/identity/certificate-policy.ts'
import type { Millis } from '../../core/model/ids.ts'
import type { AgentConnection } from '../../ports/link.ts'
import type { Log } from '../../ports/log.ts'
import type { StoredIdentity } from '../pki/identity-files.ts'
import { judgeSocket, mutualTls } from '../pki/mutual-tls.ts'
import { CONNECTION_LIMITS, ConnectionCount, type ConnectionLimits } from './connection-limit.ts'
import { LINK_PROTOCOL } from './dial.ts'
import { Hearing } from './hearing.ts'
import { LinkSession } from './link-session.ts'
import { agentOver } from './server-end.ts'
import { BEGIN_WITHIN_MS, checkHeartbeat, SESSION_LIMITS, SESSION_WINDOW_BYTES } from './session-limits.ts'
import { tuneSocket } from './tune-socket.ts'

/** Thousands come at once when a leader is new; the kernel may allow fewer. */
const BACKLOG = 4_096

/** Who a certificate of ours says is there. */
export type Peer = Extract<PeerVerdict, { readonly kind: 'ok' }>

export interface ListenOptions {
  readonly host: string
  /** 0: a free one. */
  readonly port: number
  readonly clusterId: string
  readonly identity: StoredIdentity
  /** Serials of certificates that are not believed any more; asked at each connection and again within each heartbeat. */
  readonly revoked: () => ReadonlySet<string>
  /** How often agents are to say that they are there; from 250 to 10,000. */
  readonly heartbeatMs: Millis
  readonly log: Log
  readonly onAgent: (connection: AgentConnection) => void
  /** Other protocols on the same port. `peer` is null for somebody without a certificate of ours. */
  readonly protocols: Readonly<Record<string, (socket: TLSSocket, peer: Peer | null) => void>>
  readonly limits?: ConnectionLimits
}

export interface LinkListener {
  readonly port: number
  /** From now on new connections see this certificate. */
  renew(identity: StoredIdentity): void
  close(): Promise<void>
}

/**
 * Listens for agents, and for whatever else comes over TLS to the link's port. Throws PORT_IN_USE, and CONFIG_INVALID for
 * an address that is not this machine's or a heartbeat out of range.
 */
export async function listenForAgents(options: ListenOptions): Promise<LinkListener> {
  const { protocols, log, limits = CONNECTION_LIMITS } = options
  checkHeartbeat(options.heartbeatMs)
  const count = new ConnectionCount(limits)
  const open = new Set<Socket>()
  const hearing = new Hearing(options.heartbeatMs)
  const server = createServer(
    {
      ...mutualTls(options.identity),
      // Who has no certificate yet may ask for one; who is let in to what is decided when it is known who it is.
      rejectUnauthorized: false,
      ALPNProtocols: [LINK_PROTOCOL, ...Object.keys(protocols)],
      handshakeTimeout: BEGIN_WITHIN_MS,
    },
    (socket) => admit(socket, options, hearing),
  )
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    if (!count.admit(socket)) socket.destroy()
  })
  server.on('tlsClientError', (error, socket) => {
    log.debug('no TLS', { from: socket.remoteAddress ?? '', reason: error.message })
    socket.destroy()
  })
  const port = await listen(server, options)
  return {
    port,
    renew: (identity) => server.setSecureContext(mutualTls(identity)),
    close: () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of open) socket.destroy()
      return closed
    },
  }
}

/** Hands a connection to whoever serves its protocol. */
function admit(socket: TLSSocket, options: ListenOptions, hearing: Hearing): void {
  const { protocols, log } = options
  // What goes wrong with a socket ends it.
  socket.on('error', () => undefined)
  tuneSocket(socket)
  const verdict = verdictOn(socket, options)
  const peer = verdict.kind === 'ok' ? verdict : null
  const protocol = socket.alpnProtocol || ''
  const serve = Object.hasOwn(protocols, protocol) ? protocols[protocol] : undefined
  if (serve !== undefined) serve(socket, peer)
  else if (protocol === LINK_PROTOCOL && peer !== null) greetAgent(socket, peer, options, hearing)
  else {
    const reason = verdict.kind === 'refused' ? verdict.message : 'it speaks no protocol that is served here'
    log.warn('connection refused', { from: socket.remoteAddress ?? '', reason })
    socket.destroy()
  }
}

function verdictOn(
  socket: TLSSocket,
  { clusterId, revoked }: Pick<ListenOptions, 'clusterId' | 'revoked'>,
): Peer | { readonly kind: 'refused'; readonly message: string } {
  if (socket.authorized) return judgeSocket(socket, clusterId, revoked(), 'any')
  return { kind: 'refused', message: `its certificate is not good: ${socket.authorizationError}` }
}

function greetAgent(socket: TLSSocket, peer: Peer, options: ListenOptions, hearing: Hearing): void {
  const { nodeId } = peer.identity
  const { heartbeatMs, log, onAgent } = options
  const http2 = connect('http://agent', { ...SESSION_LIMITS, createConnection: () => socket })
  const session = new LinkSession(http2, socket)
  let doubt: (isDoubtful: boolean) => void = () => undefined
  const endHearing = hearing.add(socket, {
    onDoubt: (isDoubtful) => doubt(isDoubtful),
    onSilence: () => session.end('the agent is silent'),
    onLook: () => {
      const verdict = verdictOn(socket, options)
      if (verdict.kind === 'refused') session.end(verdict.message)
    },
  })
  session.onEnd(endHearing)
  session.onEnd(() => log.info('connection of an agent ended', { node: nodeId, reason: session.reason }))
  const late = setTimeout(() => session.end('it does not speak HTTP/2'), BEGIN_WITHIN_MS)
  session.onEnd(() => clearTimeout(late))
  // Whoever says something else than HTTP/2 never becomes an agent.
  http2.once('remoteSettings', () => {
    clearTimeout(late)
    http2.setLocalWindowSize(SESSION_WINDOW_BYTES)
    const onDoubt: AgentConnection['onDoubt'] = (handle) => {
      doubt = handle
    }
    onAgent(agentOver(session, peer.identity, { heartbeatMs, onDoubt }))
  })
}

function listen(server: Server, { host, port }: ListenOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const inUse = cause.code === 'EADDRINUSE'
      const why = inUse ? 'another program listens there' : (cause.code ?? cause.message)
      reject(
        new OperationalError(inUse ? 'PORT_IN_USE' : 'CONFIG_INVALID', `cannot listen on ${host}:${port}: ${why}`, {
          cause,
        }),
      )
    })
    server.listen({ host, port, backlog: BACKLOG }, () => resolve((server.address() as AddressInfo).port))
  })
}
