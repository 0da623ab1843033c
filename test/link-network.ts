import { once } from 'node:events'
import type { Socket } from 'node:net'
import { type ConnectionOptions, connect, createServer, type TLSSocket } from 'node:tls'
import { onTestFinished } from 'vitest'
import { dialLink, LINK_PROTOCOL } from '../src/drivers/link/dial.ts'
import { type LinkListener, type ListenOptions, listenForAgents } from '../src/drivers/link/listen.ts'
import type { StoredIdentity } from '../src/drivers/pki/identity-files.ts'
import { mutualTls } from '../src/drivers/pki/mutual-tls.ts'
import { createRng } from '../src/lib/rng.ts'
import type { AgentCalls, AgentConnection, Link, ServerConnection } from '../src/ports/link.ts'
import type { Log } from '../src/ports/log.ts'
import { aCertifier, CLUSTER, idleCalls } from './link-bed.ts'

export const HEARTBEAT_MS = 250

/** Identities of one cluster, made once for a file of tests. */
export const certify = await aCertifier()
export const SERVER = await certify('server', 1)
export const AGENT = await certify('agent', 2)

/** A log that remembers why connections ended. */
export interface ReasonLog extends Log {
  readonly reasons: string[]
  /** The next reason, or one that is there already. */
  next(): Promise<string>
}

export function reasonLog(): ReasonLog {
  const reasons: string[] = []
  let wake = (): void => undefined
  const record = (_: string, fields: Readonly<Record<string, unknown>> = {}): void => {
    reasons.push(String(fields['reason']))
    wake()
  }
  return {
    reasons,
    next: async () => {
      while (reasons.length === 0)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      return reasons.shift() ?? ''
    },
    debug: () => undefined,
    info: record,
    warn: record,
    error: record,
  }
}

/** Listens until the end of the test. */
export async function listening(change: Partial<ListenOptions> = {}): Promise<LinkListener> {
  const listener = await listenForAgents({
    host: '127.0.0.1',
    port: 0,
    clusterId: CLUSTER,
    identity: SERVER,
    revoked: () => new Set(),
    heartbeatMs: () => HEARTBEAT_MS,
    log: reasonLog(),
    onAgent: () => undefined,
    protocols: {},
    ...change,
  })
  onTestFinished(() => listener.close())
  return listener
}

export function dialling(
  port: number,
  files: StoredIdentity = AGENT,
  log: Log = reasonLog(),
  servers: () => readonly string[] = () => [`127.0.0.1:${port}`],
  revoked: ReadonlySet<string> = new Set(),
): Link {
  return dialLink({
    servers,
    identity: () => ({ clusterId: CLUSTER, files }),
    revoked: () => revoked,
    rng: createRng(1),
    heartbeatMs: HEARTBEAT_MS,
    log,
  })
}

export interface Linked {
  readonly agent: ServerConnection
  readonly server: AgentConnection
  readonly listener: LinkListener
  /** What each end was told of its end. */
  readonly log: { readonly agent: ReasonLog; readonly server: ReasonLog }
}

/** An agent and a server that are connected; `through` may put something between them. */
export async function linked({
  calls = idleCalls(),
  options = {},
  through = async (port) => port,
}: {
  readonly calls?: AgentCalls
  readonly options?: Partial<ListenOptions>
  readonly through?: (port: number) => Promise<number>
} = {}): Promise<Linked> {
  const log = { agent: reasonLog(), server: reasonLog() }
  const accepted = Promise.withResolvers<AgentConnection>()
  const listener = await listening({ log: log.server, onAgent: accepted.resolve, ...options })
  const agent = await dialling(await through(listener.port), AGENT, log.agent).connect(calls)
  return { agent, server: await accepted.promise, listener, log }
}

/** Resolves when that end is told that the connection is over. */
export function closed(end: { onClose(handle: () => void): void }): Promise<void> {
  return new Promise((resolve) => end.onClose(resolve))
}

/** Resolves when the other end has closed the connection, in whatever way. */
export function gone(socket: Socket): Promise<void> {
  socket.on('error', () => undefined)
  socket.resume()
  return new Promise((resolve) => socket.once('close', () => resolve()))
}

/** Something that dials a server of ours, verified, and then does as it likes. */
export async function rogueAgent(port: number, change: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({
    ...mutualTls(AGENT),
    host: '127.0.0.1',
    port,
    ALPNProtocols: [LINK_PROTOCOL],
    ...change,
  })
  socket.on('error', () => undefined)
  onTestFinished(() => void socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

/** Something with a good certificate that listens for agents and then does as it likes. Returns its port. */
export async function rogueServer(serve: (socket: TLSSocket) => void): Promise<number> {
  const open = new Set<TLSSocket>()
  const server = createServer({ ...mutualTls(SERVER), ALPNProtocols: [LINK_PROTOCOL] }, (socket) => {
    open.add(socket)
    socket.on('error', () => undefined)
    serve(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    for (const socket of open) socket.destroy()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
