import { performServerHandshake, type ServerHttp2Session } from 'node:http2'
import { connect, type TLSSocket } from 'node:tls'
import { OperationalError } from '../../core/errors.ts'
import type { Millis } from '../../core/model/ids.ts'
import { networkFailure } from '../../lib/network-failure.ts'
import type { Rng } from '../../lib/rng.ts'
import type { AgentCalls, Link, ServerConnection } from '../../ports/link.ts'
import type { Log } from '../../ports/log.ts'
import type { StoredIdentity } from '../pki/identity-files.ts'
import { certificateFault } from '../pki/judge-validity.ts'
import { judgeSocket, mutualTls, peerCertificateOf } from '../pki/mutual-tls.ts'
import { tcpReach } from '../reach.ts'
import { hostAndPort } from './address.ts'
import { serveServer } from './agent-end.ts'
import { endWithCertificate } from './end-with-certificate.ts'
import { beat, type Heartbeat } from './heartbeat.ts'
import { LinkSession } from './link-session.ts'
import { ServerChoice } from './server-choice.ts'
import { checkHeartbeat, SESSION_LIMITS, SESSION_WINDOW_BYTES } from './session-limits.ts'
import { isMachineSilent } from './silent-machine.ts'
import { tuneSocket } from './tune-socket.ts'

/** The protocol of agents, in TLS's list of protocols. */
export const LINK_PROTOCOL = 'gantry-link/1'

const CONNECT_WITHIN_MS: Millis = 5_000
/** Where there are other servers: time for a packet that is lost once. Only the kernel of a machine has to answer so soon. */
const REACHED_WITHIN_MS: Millis = 1_200
/**
 * A server that thousands come back to at once serves none in time if each gives up early and begins anew, so whoever came to
 * nothing waits twice as long the next time.
 */
const LONGEST_CONNECT_MS: Millis = 40_000

export interface DialOptions {
  /** `host:port` of servers, as they are known now. */
  readonly servers: () => readonly string[]
  /** Asked anew for each connection, so that a renewed certificate is used from the next one on. */
  readonly identity: () => { readonly clusterId: string; readonly files: StoredIdentity }
  /** Serials of servers that are not believed any more. */
  readonly revoked?: () => ReadonlySet<string>
  readonly rng: Rng
  /** From 250 to 10,000, until a server says what it wants. */
  readonly heartbeatMs: Millis
  /** How long a machine has to take a connection, for whoever soon hears of another server. */
  readonly reachedWithinMs?: Millis
  readonly log?: Log
  /** A server of the cluster is there; it need not lead. */
  readonly onServer?: (address: string) => void
}

/** A link that knows its servers by their addresses. */
export interface DialledLink extends Link {
  /** All servers, first the one that leads as far as is known. */
  servers(): readonly string[]
}

/** Dials servers over mutual TLS and serves them as their agent; see docs/design/link.md. */
export function dialLink(options: DialOptions): DialledLink {
  checkHeartbeat(options.heartbeatMs)
  const choice = new ServerChoice(options.servers, options.rng)
  let withinMs = CONNECT_WITHIN_MS
  return {
    prefer: (address) => choice.redirect(address),
    servers: () => choice.next(),
    connect: async (calls) => {
      const failures: OperationalError[] = []
      const addresses = choice.next()
      const reachedWithinMs = options.reachedWithinMs ?? (addresses.length > 1 ? REACHED_WITHIN_MS : CONNECT_WITHIN_MS)
      for (const address of addresses) {
        try {
          const connection = await connectTo(address, calls, choice, { ...options, withinMs, reachedWithinMs })
          choice.answered(address)
          options.onServer?.(address)
          withinMs = CONNECT_WITHIN_MS
          return connection
        } catch (error) {
          if (!(error instanceof OperationalError)) throw error
          choice.failed(address)
          failures.push(error)
        }
      }
      withinMs = Math.min(2 * withinMs, LONGEST_CONNECT_MS)
      throw failureOf(failures)
    },
  }
}

async function connectTo(
  address: string,
  calls: AgentCalls,
  choice: ServerChoice,
  options: DialOptions & Patience,
): Promise<ServerConnection> {
  const { heartbeatMs, log, rng, withinMs } = options
  const socket = await dialTls(address, LINK_PROTOCOL, options)
  const http2 = performServerHandshake(socket, SESSION_LIMITS)
  const session = new LinkSession(http2, socket)
  const heartbeat = heartbeatOver(session, { address, socket, everyMs: heartbeatMs }, (reason) => {
    choice.failed(address)
    session.end(reason)
  })
  const certificate = peerCertificateOf(socket)
  // All agents of a server know the same certificate of it, and must not come back at the same moment.
  if (certificate !== null) endWithCertificate(session, certificate, rng.next())
  http2.setLocalWindowSize(SESSION_WINDOW_BYTES)
  session.onEnd(() => {
    heartbeat.end()
    log?.info('connection to a server ended', { server: address, reason: session.reason })
  })
  const late = setTimeout(() => session.end('the server opened no messages'), withinMs)
  try {
    return await serveServer(session, {
      calls,
      onFault: (call, fault) => log?.error('a call of the server met a fault', { call, fault: String(fault) }),
      onElsewhere: (leader) => choice.elsewhere(leader),
      onPace: (everyMs) => heartbeat.pace(everyMs),
    })
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error
    throw cannotConnect('UNAVAILABLE', address, session.reason ?? error.message, error)
  } finally {
    clearTimeout(late)
  }
}

/** Gives the server up when it is silent for long; soon, when its machine is. */
function heartbeatOver(
  { http2 }: LinkSession<ServerHttp2Session>,
  { address, socket, everyMs }: { readonly address: string; readonly socket: TLSSocket; readonly everyMs: Millis },
  giveUp: (reason: string) => void,
): Heartbeat {
  let isAsking = false
  const ask = async (): Promise<void> => {
    if (isAsking) return
    isAsking = true
    if (await isMachineSilent(address, socket, tcpReach())) giveUp('its machine does not answer')
    isAsking = false
  }
  return beat(http2, socket, {
    everyMs,
    onLate: () => void ask(),
    onSilence: () => giveUp('the server does not answer'),
  })
}

function failureOf(failures: readonly OperationalError[]): OperationalError {
  const [only] = failures
  if (only === undefined) return new OperationalError('UNAVAILABLE', 'cannot connect: no server is known')
  if (failures.length === 1) return only
  return new OperationalError('UNAVAILABLE', failures.map(({ message }) => message).join('; '), { cause: only })
}

/** How long a server is waited for. */
interface Patience {
  /** Until its machine has taken the connection. */
  readonly reachedWithinMs: Millis
  /** Until it has said something over it, each time. */
  readonly withinMs: Millis
}

/** A connection to a server of our cluster, verified. Throws UNAVAILABLE, or FORBIDDEN for one that is none. */
export function dialTls(
  address: string,
  protocol: string,
  {
    identity,
    revoked = () => new Set(),
    withinMs = CONNECT_WITHIN_MS,
    reachedWithinMs = CONNECT_WITHIN_MS,
  }: Pick<DialOptions, 'identity' | 'revoked'> & Partial<Patience>,
): Promise<TLSSocket> {
  const { clusterId, files } = identity()
  const { host, port } = hostAndPort(address)
  return new Promise((resolve, reject) => {
    const socket = connect({ ...mutualTls(files), host, port, ALPNProtocols: [protocol] })
    const fail = (code: 'UNAVAILABLE' | 'FORBIDDEN', why: string, cause?: unknown): void => {
      socket.destroy()
      reject(cannotConnect(code, address, why, cause))
    }
    const late = (): void => fail('UNAVAILABLE', 'no answer')
    // A machine that is not there is given up soon; one that is has more to do than to answer us.
    let timer = setTimeout(late, reachedWithinMs)
    socket.once('connect', () => {
      clearTimeout(timer)
      timer = setTimeout(late, withinMs)
    })
    tuneSocket(socket)
    // What goes wrong later is told where the socket is used; here it must only not go unheard.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const { code = '' } = error
      const why = certificateFault(code, Date.now()) ?? networkFailure(code) ?? (code || error.message)
      fail('UNAVAILABLE', why, error)
    })
    socket.once('close', () => {
      clearTimeout(timer)
      fail('UNAVAILABLE', 'the connection was closed')
    })
    socket.once('secureConnect', () => {
      clearTimeout(timer)
      const verdict = judgeSocket(socket, clusterId, revoked(), 'server')
      if (verdict.kind === 'refused') return fail('FORBIDDEN', verdict.message)
      if (socket.alpnProtocol !== protocol) return fail('UNAVAILABLE', 'it does not speak the protocol of agents')
      resolve(socket)
    })
  })
}

function cannotConnect(
  code: 'UNAVAILABLE' | 'FORBIDDEN',
  address: string,
  why: string,
  cause: unknown,
): OperationalError {
  return new OperationalError(code, `cannot connect to the server at ${address}: ${why}`, { cause })
}
