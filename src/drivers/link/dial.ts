import { performServerHandshake } from 'node:http2'
import { connect, type TLSSocket } from 'node:tls'
import { OperationalError } from '../../core/errors.ts'
import type { Millis } from '../../core/model/ids.ts'
import type { Rng } from '../../lib/rng.ts'
import type { Link } from '../../ports/link.ts'
import type { StoredIdentity } from '../pki/identity-files.ts'
import { judgeSocket, mutualTls } from '../pki/mutual-tls.ts'
import { hostAndPort } from './address.ts'
import { serveAgent } from './agent-end.ts'
import { keepAlive } from './heartbeat.ts'

/** The protocol of agents, in TLS's list of protocols. */
export const LINK_PROTOCOL = 'gantry-link/1'

const CONNECT_WITHIN_MS: Millis = 5_000

export interface DialOptions {
  /** `host:port` of servers, as they are known now. */
  readonly servers: () => readonly string[]
  /** Asked anew for each connection, so that a renewed certificate is used from the next one on. */
  readonly identity: () => { readonly clusterId: string; readonly files: StoredIdentity }
  readonly rng: Rng
  readonly heartbeatMs: Millis
}

/** Dials servers over mutual TLS and serves them as their agent; see docs/design/link.md. */
export function dialLink(options: DialOptions): Link {
  let preferred: string | null = null
  return {
    prefer: (address) => {
      preferred = address
    },
    connect: async (calls) => {
      let failure: unknown = null
      for (const address of order(options.servers(), preferred, options.rng)) {
        try {
          const socket = await dialTls(address, LINK_PROTOCOL, options)
          const session = performServerHandshake(socket)
          session.on('error', () => socket.destroy())
          keepAlive(session, options.heartbeatMs)
          const connection = await serveAgent(session, calls)
          preferred = address
          return connection
        } catch (error) {
          if (!(error instanceof OperationalError)) throw error
          if (preferred === address) preferred = null
          failure = error
        }
      }
      throw failure ?? new OperationalError('UNAVAILABLE', 'no server is known')
    },
  }
}

/** The preferred one first, the others in a random order: agents must not all try the same. */
function order(servers: readonly string[], preferred: string | null, rng: Rng): string[] {
  const rest = servers.filter((address) => address !== preferred)
  for (let i = rest.length - 1; i > 0; i--) {
    const j = rng.below(i + 1)
    ;[rest[i], rest[j]] = [rest[j] as string, rest[i] as string]
  }
  return preferred === null ? rest : [preferred, ...rest]
}

/** A connection to a server of our cluster, verified. Throws UNAVAILABLE, or FORBIDDEN for one that is none. */
export function dialTls(
  address: string,
  protocol: string,
  { identity }: Pick<DialOptions, 'identity'>,
): Promise<TLSSocket> {
  const { clusterId, files } = identity()
  const { host, port } = hostAndPort(address)
  return new Promise((resolve, reject) => {
    const socket = connect({ ...mutualTls(files), host, port, ALPNProtocols: [protocol] })
    const fail = (code: 'UNAVAILABLE' | 'FORBIDDEN', why: string): void => {
      socket.destroy()
      reject(new OperationalError(code, `cannot connect to the server at ${address}: ${why}`))
    }
    const timer = setTimeout(() => fail('UNAVAILABLE', 'no answer'), CONNECT_WITHIN_MS)
    socket.setNoDelay(true)
    socket.once('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      fail('UNAVAILABLE', error.code ?? error.message)
    })
    socket.once('close', () => clearTimeout(timer))
    socket.once('secureConnect', () => {
      clearTimeout(timer)
      const verdict = judgeSocket(socket, clusterId, new Set(), 'server')
      if (verdict.kind === 'refused') return fail('FORBIDDEN', verdict.message)
      if (socket.alpnProtocol !== protocol) return fail('UNAVAILABLE', 'it does not speak the protocol of agents')
      resolve(socket)
    })
  })
}
