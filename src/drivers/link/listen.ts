import { connect } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import { OperationalError } from '../../core/errors.ts'
import type { PeerVerdict } from '../../core/identity/certificate-policy.ts'
import type { Millis } from '../../core/model/ids.ts'
import type { AgentConnection } from '../../ports/link.ts'
import type { Log } from '../../ports/log.ts'
import type { StoredIdentity } from '../pki/identity-files.ts'
import { judgeSocket, mutualTls } from '../pki/mutual-tls.ts'
import { LINK_PROTOCOL } from './dial.ts'
import { keepAlive } from './heartbeat.ts'
import { agentOver } from './server-end.ts'

type Peer = Extract<PeerVerdict, { readonly kind: 'ok' }>

export interface ListenOptions {
  readonly host: string
  /** 0: a free one. */
  readonly port: number
  readonly clusterId: string
  readonly identity: StoredIdentity
  readonly revoked: () => ReadonlySet<string>
  readonly heartbeatMs: Millis
  readonly log: Log
  readonly onAgent: (connection: AgentConnection) => void
  /** Other protocols on the same port. `peer` is null for somebody without a certificate of ours. */
  readonly protocols: Readonly<Record<string, (socket: TLSSocket, peer: Peer | null) => void>>
}

export interface LinkListener {
  readonly port: number
  /** From now on new connections see this certificate. */
  renew(identity: StoredIdentity): void
  close(): Promise<void>
}

const HANDSHAKE_WITHIN_MS: Millis = 10_000
const MAX_CONNECTIONS = 10_000

/** Listens for agents, and for whatever else comes over TLS to the link's port. Throws PORT_IN_USE, CONFIG_INVALID. */
export async function listenForAgents(options: ListenOptions): Promise<LinkListener> {
  const { protocols, clusterId, revoked, log } = options
  const open = new Set<TLSSocket>()
  const server = createServer(
    {
      ...mutualTls(options.identity),
      // Who has no certificate yet may ask for one; who is let in to what is decided below.
      rejectUnauthorized: false,
      ALPNProtocols: [LINK_PROTOCOL, ...Object.keys(protocols)],
      handshakeTimeout: HANDSHAKE_WITHIN_MS,
    },
    (socket) => {
      open.add(socket)
      socket.once('close', () => open.delete(socket))
      // What goes wrong with a socket ends it.
      socket.on('error', () => undefined)
      socket.setNoDelay(true)
      const verdict = socket.authorized ? judgeSocket(socket, clusterId, revoked(), 'any') : null
      const peer = verdict?.kind === 'ok' ? verdict : null
      const protocol = socket.alpnProtocol || ''
      if (protocol === LINK_PROTOCOL && peer !== null) {
        greetAgent(socket, peer, options)
        return
      }
      const handle = Object.hasOwn(protocols, protocol) ? protocols[protocol] : undefined
      if (handle !== undefined) {
        handle(socket, peer)
        return
      }
      log.warn('connection refused', { from: socket.remoteAddress ?? '', reason: reasonOf(verdict, socket) })
      socket.destroy()
    },
  )
  server.maxConnections = MAX_CONNECTIONS
  server.on('tlsClientError', (error, socket: Socket) => {
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

function greetAgent(socket: TLSSocket, peer: Peer, { heartbeatMs, onAgent }: ListenOptions): void {
  const session = connect('http://agent', { createConnection: () => socket })
  session.on('error', () => socket.destroy())
  session.once('connect', () => {
    keepAlive(session, heartbeatMs)
    onAgent(agentOver(session, peer.identity))
  })
}

function reasonOf(verdict: PeerVerdict | null, socket: TLSSocket): string {
  if (verdict?.kind === 'refused') return verdict.message
  return String(socket.authorizationError ?? 'it speaks no protocol that is served here')
}

function listen(server: ReturnType<typeof createServer>, { host, port }: ListenOptions): Promise<number> {
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
    server.listen({ host, port }, () => resolve((server.address() as AddressInfo).port))
  })
}
