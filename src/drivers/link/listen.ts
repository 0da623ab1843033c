import { X509Certificate } from 'node:crypto'
import { connect } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { OperationalError } from '../../core/errors.ts'
import type { NodeIdentity } from '../../core/model/identity.ts'
import type { Millis } from '../../core/model/ids.ts'
import { ConnectionCount, type ConnectionLimits } from '../../lib/connection-count.ts'
import type { AgentConnection, PeerCertificate } from '../../ports/link.ts'
import type { Log } from '../../ports/log.ts'
import { type CertificateTerms, describeCertificate } from '../pki/describe-certificate.ts'
import type { StoredIdentity } from '../pki/identity-files.ts'
import { judgeValidity } from '../pki/judge-validity.ts'
import { judgeSocket, mutualTls, peerCertificateOf } from '../pki/mutual-tls.ts'
import { LINK_PROTOCOL } from './dial.ts'
import { endWithCertificate } from './end-with-certificate.ts'
import { Hearing } from './hearing.ts'
import { JOIN_PROTOCOL } from './join.ts'
import { LinkSession } from './link-session.ts'
import { agentOver, askPace, turnAway } from './server-end.ts'
import { BEGIN_WITHIN_MS, checkHeartbeat, SESSION_LIMITS, SESSION_WINDOW_BYTES } from './session-limits.ts'
import { tuneSocket } from './tune-socket.ts'

/** Thousands come at once when a leader is new; the kernel may allow fewer. */
const BACKLOG = 4_096
/** Machines behind one address translator share an address, so one may have many. */
const CONNECTION_LIMITS: ConnectionLimits = { total: 16_384, perAddress: 1_024 }

/** Who a certificate of ours says is there. */
export interface Peer {
  readonly identity: NodeIdentity
  readonly certificate: CertificateTerms
}

export interface ListenOptions {
  readonly host: string
  /** 0: a free one. */
  readonly port: number
  readonly clusterId: string
  readonly identity: StoredIdentity
  /** Serials of certificates that are not believed any more; asked at each connection, and by `judge`. */
  readonly revoked: () => ReadonlySet<string>
  /** How often agents are to say that they are there, from 250 to 10,000. Asked again and again: they are told of another one. */
  readonly heartbeatMs: () => Millis
  readonly log: Log
  readonly onAgent: (connection: AgentConnection) => void
  /** Other protocols on the same port. `peer` is null for somebody without a certificate of ours. */
  readonly protocols: Readonly<Record<string, (socket: TLSSocket, peer: Peer | null) => void>>
  readonly limits?: ConnectionLimits
}

export interface LinkListener {
  readonly port: number
  /** Agents that are connected. */
  readonly sessions: number
  /** From now on new connections see this certificate. */
  renew(identity: StoredIdentity): void
  /** Ends the open connections of those whose certificates are revoked by now. */
  judge(): void
  close(): Promise<void>
}

/**
 * Listens for agents, and for whatever else comes over TLS to the link's port. Throws PORT_IN_USE, and CONFIG_INVALID for
 * an address that is not this machine's or a heartbeat out of range.
 */
export async function listenForAgents(options: ListenOptions): Promise<LinkListener> {
  checkHeartbeat(options.heartbeatMs())
  const open = new Set<Socket>()
  const hearing = new Hearing(options.heartbeatMs)
  const door: Door = { options, identity: options.identity, known: new Map(), hearing }
  const server = newServer(door, open)
  const port = await listen(server, options)
  return {
    port,
    get sessions() {
      return hearing.count
    },
    renew: (identity) => {
      door.identity = identity
      server.setSecureContext(mutualTls(identity))
    },
    judge: () => {
      const revoked = options.revoked()
      for (const [{ serial }, end] of [...door.known])
        if (revoked.has(serial)) end('the certificate of the other end was revoked')
    },
    close: () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of open) socket.destroy()
      return closed
    },
  }
}

interface Door {
  readonly options: ListenOptions
  /** What this server presents and trusts now. */
  identity: StoredIdentity
  /** Connections of those who are believed, and how they are ended. */
  readonly known: Map<CertificateTerms, (reason: string) => void>
  readonly hearing: Hearing
}

/** Connections are in `open` for as long as they are. */
function newServer(door: Door, open: Set<Socket>): Server {
  const { identity, protocols, log, limits = CONNECTION_LIMITS } = door.options
  const count = new ConnectionCount(limits)
  const server = createServer(
    {
      ...mutualTls(identity),
      // Who has no certificate yet may ask for one; who is let in to what is decided when it is known who it is.
      rejectUnauthorized: false,
      ALPNProtocols: [LINK_PROTOCOL, ...Object.keys(protocols)],
      handshakeTimeout: BEGIN_WITHIN_MS,
    },
    (socket) => admit(socket, door),
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
  return server
}

/** What is to be thought of whoever has dialled. */
type Visitor =
  | { readonly kind: 'believed'; readonly peer: Peer }
  /** Believed once: it is only told why it is not any more. */
  | { readonly kind: 'barred'; readonly peer: Peer; readonly reason: string }
  | { readonly kind: 'stranger'; readonly reason: string; readonly canRenew: boolean }

/** Hands a connection to whoever serves its protocol. */
function admit(socket: TLSSocket, door: Door): void {
  const { protocols, log } = door.options
  // What goes wrong with a socket ends it.
  socket.on('error', () => undefined)
  tuneSocket(socket)
  const visitor = visitorAt(socket, door)
  const protocol = socket.alpnProtocol || ''
  const serve = Object.hasOwn(protocols, protocol) ? protocols[protocol] : undefined
  if (serve !== undefined) {
    // Whoever leaves the cluster loses his certificate by that, and is still to hear that he has left.
    if (visitor.kind === 'believed' && protocol !== JOIN_PROTOCOL) watch(socket, visitor.peer, door)
    serve(socket, visitor.kind === 'believed' ? visitor.peer : null)
    return
  }
  if (protocol === LINK_PROTOCOL && visitor.kind !== 'stranger') {
    const barred = visitor.kind === 'barred' ? visitor.reason : null
    greetAgent(socket, visitor.peer, barred, door)
    return
  }
  const reason = visitor.kind === 'stranger' ? visitor.reason : 'it speaks no protocol that is served here'
  log.warn('connection refused', { from: socket.remoteAddress ?? '', reason })
  // Whoever has nothing of ours does not believe this server either, so there is nobody to tell.
  const canRenew = visitor.kind === 'stranger' && visitor.canRenew
  if (protocol === LINK_PROTOCOL && canRenew) turnAway(socket, { kind: 'refused', message: reason, remedy: 'renew' })
  else socket.destroy()
}

const NOTHING_SHOWN: Visitor = { kind: 'stranger', reason: 'it has no certificate', canRenew: false }

function visitorAt(socket: TLSSocket, { options: { clusterId, revoked }, identity }: Door): Visitor {
  if (!socket.authorized) {
    const shown = socket.getPeerX509Certificate()
    if (shown === undefined) return NOTHING_SHOWN
    const { isOurs, message } = judgeValidity(shown, identity.bundle, Date.now(), "this server's")
    return { kind: 'stranger', reason: message, canRenew: isOurs }
  }
  const certificate = peerCertificateOf(socket)
  if (certificate === null) return NOTHING_SHOWN
  const verdict = judgeSocket(socket, clusterId, new Set(), 'any')
  if (verdict.kind === 'refused') return { kind: 'stranger', reason: verdict.message, canRenew: false }
  const peer = { identity: verdict.identity, certificate }
  if (!revoked().has(peer.certificate.serial)) return { kind: 'believed', peer }
  return { kind: 'barred', peer, reason: `the certificate of node ${verdict.identity.nodeId} was revoked` }
}

/** A connection that is no agent's ends when its certificate does, too. */
function watch(socket: TLSSocket, { certificate }: Peer, { known }: Door): void {
  const end = (): void => void socket.destroy()
  known.set(certificate, end)
  socket.once('close', () => known.delete(certificate))
  endWithCertificate({ end, onEnd: (call) => void socket.once('close', call) }, certificate)
}

function greetAgent(socket: TLSSocket, { identity, certificate }: Peer, barred: string | null, door: Door): void {
  const { nodeId } = identity
  const { heartbeatMs, log, onAgent } = door.options
  const http2 = connect('http://agent', { ...SESSION_LIMITS, createConnection: () => socket })
  const session = new LinkSession(http2, socket)
  let doubt: (isDoubtful: boolean) => void = () => undefined
  const endHearing = door.hearing.add(socket, {
    onDoubt: (isDoubtful) => doubt(isDoubtful),
    onSilence: () => session.end('the agent is silent'),
    onPace: (everyMs, taken) => askPace(session, everyMs, taken),
  })
  session.onEnd(endHearing)
  session.onEnd(() => log.info('connection of an agent ended', { node: nodeId, reason: session.reason }))
  endWithCertificate(session, certificate)
  if (barred === null) {
    door.known.set(certificate, (reason) => session.end(reason))
    session.onEnd(() => door.known.delete(certificate))
  }
  const late = setTimeout(() => session.end('it does not speak HTTP/2'), BEGIN_WITHIN_MS)
  session.onEnd(() => clearTimeout(late))
  // Whoever says something else than HTTP/2 never becomes an agent.
  http2.once('remoteSettings', () => {
    clearTimeout(late)
    http2.setLocalWindowSize(SESSION_WINDOW_BYTES)
    const onDoubt: AgentConnection['onDoubt'] = (handle) => {
      doubt = handle
    }
    onAgent(agentOver(session, shownBy(identity, certificate), barred, { heartbeatMs: heartbeatMs(), onDoubt }))
  })
}

function shownBy(identity: NodeIdentity, { serial, notAfter, der }: CertificateTerms): PeerCertificate {
  return { ...identity, serial, notAfter, keyHash: () => describeCertificate(new X509Certificate(der)).keyHash }
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
