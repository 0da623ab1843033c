import type { TLSSocket } from 'node:tls'
import { OperationalError } from '../../core/errors.ts'
import type { Millis, NodeId } from '../../core/model/ids.ts'
import type { Rng } from '../../lib/rng.ts'
import { type Clock, sleep } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { PeerEvents } from '../../ports/peers.ts'
import type { StoredIdentity } from '../pki/identity-files.ts'
import { peerCertificateOf } from '../pki/mutual-tls.ts'
import { dialTls } from './dial.ts'
import { endWithCertificate } from './end-with-certificate.ts'
import type { Peer as Visitor } from './listen.ts'
import { PeerConnection } from './peer-connection.ts'

/** Servers that keep the state in their memories, in TLS's list of protocols. */
export const PEER_PROTOCOL = 'gantry-peer/1'

const DIAL_EVERY_MS: Millis = 250

export interface PeerLinksOptions {
  /** Who this server is, asked anew for each connection. */
  readonly identity: () => { readonly clusterId: string; readonly nodeId: NodeId; readonly files: StoredIdentity }
  readonly revoked: () => ReadonlySet<string>
  /** Where the others dial this server, and it dials them. */
  readonly address: string
  readonly others: readonly string[]
  /** How often each end says that it is there; six times as long is silence. */
  readonly everyMs: Millis
  readonly clock: Clock
  readonly rng: Rng
  readonly log: Log
  readonly events: PeerEvents
}

/** Connections to the other servers, one to each that is there: whoever finds none dials, and both may. */
export class PeerLinks {
  readonly #options: PeerLinksOptions
  readonly #byId = new Map<NodeId, PeerConnection>()
  readonly #open = new Map<PeerConnection, string | undefined>()
  /** Which server answers at an address. */
  readonly #idAt = new Map<string, NodeId>()
  readonly #ending = new AbortController()

  /** Dials the others from now on. */
  constructor(options: PeerLinksOptions) {
    this.#options = options
    for (const address of options.others) void this.#keepDialling(address)
  }

  /** A connection that came to this server's link. */
  accept(socket: TLSSocket, visitor: Visitor | null): void {
    if (visitor === null || visitor.identity.role !== 'server' || this.#ending.signal.aborted) socket.destroy()
    else this.#take(socket, visitor.identity.nodeId, false)
  }

  /** Ends connections to servers whose certificates are revoked by now. */
  judge(): void {
    const revoked = this.#options.revoked()
    for (const [connection, serial] of [...this.#open])
      if (serial !== undefined && revoked.has(serial)) connection.end('its certificate was revoked')
  }

  close(): void {
    this.#ending.abort(new Error('the server ends'))
    for (const connection of [...this.#open.keys()]) connection.end('it was closed here')
  }

  async #keepDialling(address: string): Promise<void> {
    const { clock, rng, log, identity, revoked } = this.#options
    const { signal } = this.#ending
    while (!signal.aborted) {
      const known = this.#idAt.get(address)
      if (known === undefined || !this.#byId.has(known)) {
        try {
          const socket = await dialTls(address, PEER_PROTOCOL, { identity, revoked })
          if (signal.aborted) socket.destroy()
          else this.#dialled(socket, address)
        } catch (error) {
          if (!(error instanceof OperationalError)) throw error
          log.debug('another server cannot be reached', { address, reason: error.message })
        }
      }
      // Its end is what the loop looks for.
      await sleep(clock, DIAL_EVERY_MS + rng.below(DIAL_EVERY_MS), signal).catch(() => undefined)
    }
  }

  #dialled(socket: TLSSocket, address: string): void {
    const uri = peerCertificateOf(socket)?.uri ?? ''
    const id = Number(uri.slice(uri.lastIndexOf('/') + 1))
    this.#idAt.set(address, id)
    this.#take(socket, id, true)
  }

  #take(socket: TLSSocket, id: NodeId, isOurs: boolean): void {
    const { identity, address, everyMs, events } = this.#options
    const own = identity().nodeId
    const certificate = peerCertificateOf(socket)
    if (id === own || certificate === null) return void socket.destroy()
    const connection = new PeerConnection(socket, {
      ...{ id, address, everyMs, byLower: isOurs === own < id },
      onHello: (one, where) => this.#greeted(one, where),
      onMessage: (one, message) => {
        if (this.#byId.get(id) === one) events.onMessage(one, message)
      },
      onEnd: (one, reason) => this.#gone(one, reason),
    })
    this.#open.set(connection, certificate.serial)
    endWithCertificate(
      { end: (reason) => connection.end(reason), onEnd: (call) => void socket.once('close', call) },
      certificate,
    )
  }

  /** Where both ends have dialled, both keep the same one of two connections. */
  #greeted(connection: PeerConnection, address: string): void {
    const { id } = connection
    this.#idAt.set(address, id)
    const known = this.#byId.get(id)
    if (known === connection) return
    const [kept, other] = known?.byLower === true && !connection.byLower ? [known, connection] : [connection, known]
    other?.end('there is another connection')
    if (kept !== connection) return
    this.#byId.set(id, connection)
    this.#options.log.info('connected to another server', { node: id })
    this.#options.events.onPeer(connection)
  }

  #gone(connection: PeerConnection, reason: string): void {
    this.#open.delete(connection)
    if (this.#byId.get(connection.id) !== connection) return
    this.#byId.delete(connection.id)
    this.#options.log.info('connection to another server ended', { node: connection.id, reason })
    this.#options.events.onGone(connection)
  }
}
