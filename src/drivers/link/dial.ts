import { performServerHandshake } from 'node:http2'
import { connect, type TLSSocket } from 'node:tls'
import { OperationalError } from '../../core/errors.ts'
import type { Millis } from '../../core/model/ids.ts'
import type { Rng } from '../../lib/rng.ts'
import type { AgentCalls, Link, ServerConnection } from '../../ports/link.ts'
import type { Log } from '../../ports/log.ts'
import type { StoredIdentity } from '../pki/identity-files.ts'
import { certificateFault } from '../pki/judge-validity.ts'
import { judgeSocket, mutualTls, peerCertificateOf } from '../pki/mutual-tls.ts'
import { hostAndPort } from './address.ts'
import { serveServer } from './agent-end.ts'
import { endWithCertificate } from './end-with-certificate.ts'
import { beat } from './heartbeat.ts'
import { LinkSession } from './link-session.ts'
import { ServerChoice } from './server-choice.ts'
import { checkHeartbeat, SESSION_LIMITS, SESSION_WINDOW_BYTES } from './session-limits.ts'
import { tuneSocket } from './tune-socket.ts'

/** The protocol of agents, in TLS's list of protocols. */
export const LINK_PROTOCOL = 'gantry-link/1'

const CONNECT_WITHIN_MS: Millis = 5_000
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
  readonly log?: Log
}

/** Dials servers over mutual TLS and serves them as their agent; see docs/design/link.md. */
export function dialLink(options: DialOptions): Link {
  checkHeartbeat(options.heartbeatMs)
  const choice = new ServerChoice(options.servers, options.rng)
  let withinMs = CONNECT_WITHIN_MS
  return {
    prefer: (address) => choice.redirect(address),
    connect: async (calls) => {
      const failures: OperationalError[] = []
      for (const address of choice.next()) {
        try {
          const connection = await connectTo(address, calls, choice, { ...options, withinMs })
          choice.answered(address)
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
  options: DialOptions & { readonly withinMs: Millis },
): Promise<ServerConnection> {
  const { heartbeatMs, log, rng, withinMs } = options
  const socket = await dialTls(address, LINK_PROTOCOL, options)
  const http2 = performServerHandshake(socket, SESSION_LIMITS)
  const session = new LinkSession(http2, socket)
  const heartbeat = beat(http2, socket, {
    everyMs: heartbeatMs,
    onSilence: () => session.end('the server does not answer'),
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

function failureOf(failures: readonly OperationalError[]): OperationalError {
  const [only] = failures
  if (only === undefined) return new OperationalError('UNAVAILABLE', 'cannot connect: no server is known')
  if (failures.length === 1) return only
  return new OperationalError('UNAVAILABLE', failures.map(({ message }) => message).join('; '), { cause: only })
}

/** A connection to a server of our cluster, verified. Throws UNAVAILABLE, or FORBIDDEN for one that is none. */
export function dialTls(
  address: string,
  protocol: string,
  {
    identity,
    revoked = () => new Set(),
    withinMs = CONNECT_WITHIN_MS,
  }: Pick<DialOptions, 'identity' | 'revoked'> & { readonly withinMs?: Millis },
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
    let timer = setTimeout(late, CONNECT_WITHIN_MS)
    socket.once('connect', () => {
      clearTimeout(timer)
      timer = setTimeout(late, withinMs)
    })
    tuneSocket(socket)
    // What goes wrong later is told where the socket is used; here it must only not go unheard.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const why = certificateFault(error.code ?? '', Date.now()) ?? error.code ?? error.message
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
