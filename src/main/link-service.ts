import type { TLSSocket } from 'node:tls'
import type { Server } from '../control/server.ts'
import type { Millis } from '../core/model/ids.ts'
import { dialTls } from '../drivers/link/dial.ts'
import { JOIN_PROTOCOL, serveJoin } from '../drivers/link/join.ts'
import { type LinkListener, listenForAgents, type Peer } from '../drivers/link/listen.ts'
import type { Log } from '../ports/log.ts'
import type { HttpServer } from '../transport/http/server.ts'
import { clusterSecretOf, type Identity } from './identity.ts'
import { JoinAttempts } from './join-attempts.ts'

/** Requests to the API that come from other machines of the cluster, in TLS's list of protocols. */
const API_PROTOCOL = 'gantry-api/1'

/** What else is served on the link's port, by its name in TLS's list of protocols. `peer`: null for a stranger. */
export type LinkProtocols = Readonly<Record<string, (socket: TLSSocket, peer: Peer | null) => void>>

export interface LinkServiceOptions {
  readonly host: string
  readonly port: number
  readonly identity: Identity
  readonly server: Server
  readonly heartbeatMs: () => Millis
  readonly log: Log
  /** null until the API is served. */
  readonly http: () => HttpServer | null
  readonly protocols?: LinkProtocols
}

/** Serves agents, machines that join, and requests that other machines pass on, all on the link's port. */
export function serveLink(options: LinkServiceOptions): Promise<LinkListener> {
  const { host, port, identity, server, heartbeatMs, log, http } = options
  const attempts = new JoinAttempts(Date.now)
  const join = (socket: TLSSocket, peer: Peer | null): void => {
    void serveJoin(socket, peer?.identity ?? null, {
      bundle: () => (server.authority?.bundle ?? []).join(''),
      blockedFor: (address) => attempts.blockedFor(address),
      onRefused: (address) => attempts.record(address),
      beginProof: (address) => attempts.begin(address),
      admit: (message, keyHash) => server.admit({ ...message, keyHash }),
      keeper: () => clusterSecretOf(identity, server.authority),
      admitBySecret: (candidate, keyHash) => server.admitBySecret({ ...candidate, keyHash }),
      leave: (who, machineId) => server.leave(who, machineId),
      renew: (who, request) => server.renew(who, request),
    })
  }
  return listenForAgents({
    host,
    port,
    clusterId: identity.clusterId,
    identity: identity.files,
    revoked: () => server.revoked?.all ?? new Set(),
    heartbeatMs,
    log,
    onAgent: (connection) => server.accept(connection),
    protocols: {
      ...options.protocols,
      [JOIN_PROTOCOL]: join,
      [API_PROTOCOL]: (socket, peer) => {
        const api = http()
        if (api === null || peer === null) socket.destroy()
        // A server has asked its own user who he is; what comes from any other node must carry a token.
        else api.take(socket, { name: `node ${peer.identity.nodeId}`, trusted: peer.identity.role === 'server' })
      },
    },
  })
}

/** A connection to the API of another server. Throws UNAVAILABLE. */
export function dialApi(
  address: string,
  { present, revoked }: { readonly present: Identity; readonly revoked: ReadonlySet<string> },
): Promise<TLSSocket> {
  return dialTls(address, API_PROTOCOL, { identity: () => present, revoked: () => revoked })
}
