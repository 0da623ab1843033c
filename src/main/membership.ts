import type { Server } from '../control/server.ts'
import { OperationalError } from '../core/errors.ts'
import type { NodeId } from '../core/model/ids.ts'
import type { Vigilance } from '../core/node/vigilance.ts'
import { systemClock } from '../drivers/clock.ts'
import { hostAndPort } from '../drivers/link/address.ts'
import { dialLink } from '../drivers/link/dial.ts'
import type { LinkListener } from '../drivers/link/listen.ts'
import { localLink } from '../drivers/local-link.ts'
import { keyedCertifier } from '../drivers/pki/certifier.ts'
import { IdentityFiles, type StoredIdentity } from '../drivers/pki/identity-files.ts'
import { isIncarnationProven } from '../drivers/pki/incarnation-proof.ts'
import { newKeyAndRequest } from '../drivers/pki/request.ts'
import { systemRng } from '../drivers/rng.ts'
import type { Certifier } from '../ports/certifier.ts'
import type { Answering } from '../ports/discovery.ts'
import type { IncarnationTrust } from '../ports/incarnation-trust.ts'
import type { Link } from '../ports/link.ts'
import type { Log } from '../ports/log.ts'
import type { DialLeader } from '../transport/http/forward.ts'
import type { HttpServer } from '../transport/http/server.ts'
import { answerSearches } from './discovery.ts'
import { foundAuthority, type Identity, joinAndKeep, readIdentity } from './identity.ts'
import { dialApi, serveLink } from './link-service.ts'
import type { JoinOptions, LinkOptions } from './node-process.ts'
import { keepRenewed } from './renewal.ts'

export interface MembershipOptions {
  readonly dataDir: string
  readonly name: string
  readonly link: LinkOptions | null
  readonly vigilance: Vigilance
  readonly join: JoinOptions | null
  /** Nobody else can answer: requests stay here. */
  readonly isCutOff: () => boolean
}

/** What ties a server to the other machines of its cluster: who it is, and the port where they find it. */
export class Membership {
  readonly #options: MembershipOptions
  readonly #log: Log
  #identity: Identity | null
  #server: Server | null = null
  #http: HttpServer | null = null
  #listener: LinkListener | null = null
  #answering: Answering | null = null
  readonly #ending = new AbortController()

  private constructor(options: MembershipOptions, identity: Identity | null, log: Log) {
    this.#options = options
    this.#identity = identity
    this.#log = log
  }

  /** Finds out who this machine is; with a join token it becomes a server of a cluster that is there. */
  static async open(options: MembershipOptions, log: Log): Promise<Membership> {
    const { dataDir, name, link, join } = options
    let identity = await readIdentity(dataDir)
    if (identity === null && join !== null) {
      if (link === null) throw new OperationalError('USAGE', 'a server that joins others needs --link')
      identity = await joinAndKeep(dataDir, { ...join, role: 'server', name, addresses: [link.advertise] })
    }
    if (identity !== null && identity.role !== 'server') {
      throw new OperationalError('CONFIG_INVALID', `this machine is agent ${identity.nodeId}, and no server`, {
        hint: 'start it with `gantry agent`',
      })
    }
    return new Membership(options, identity, log)
  }

  get nodeId(): NodeId | null {
    return this.#identity?.nodeId ?? null
  }

  /** Where other machines reach this one's link; null: nowhere. */
  get address(): string | null {
    const { link } = this.#options
    return link === null ? null : addressOf(link)
  }

  /** Its own data directory is what a machine goes by that belongs to no cluster of machines yet. */
  readonly trusts: IncarnationTrust = (clusterId, incarnation, proof) => {
    const bundle = this.#identity?.files.bundle ?? null
    return bundle === null || isIncarnationProven(bundle, { clusterId, incarnation }, proof)
  }

  certifier(): Certifier | null {
    const clusterKey = this.#identity?.files.clusterKey ?? null
    return clusterKey === null ? null : keyedCertifier(clusterKey)
  }

  /** Waits until the server may go on: one that belongs to nobody yet must lead, or its cluster would not be there. */
  async takeServer(server: Server): Promise<void> {
    this.#server = server
    if (this.#identity === null && server.authority !== null) {
      throw new OperationalError('PREREQUISITE', 'this store belongs to a cluster that this machine has not joined', {
        hint: 'join it with --join-token-file and --servers; `gantry join-token create --role server` makes a token',
      })
    }
    if (this.#identity === null || server.leader === null) await server.untilLeading()
  }

  /** The link of this machine's own agent: within the process while its server leads, else to whoever does. */
  ownLink(): Link {
    const server = this.#requireServer()
    const local = localLink((connection) => server.accept(connection))
    const dial = dialLink({
      servers: () => {
        const address = server.leader?.address ?? null
        return address === null || address === this.address ? [] : [address]
      },
      identity: () => this.#requireIdentity(),
      rng: systemRng(),
      heartbeatMs: this.#options.vigilance.heartbeatMs,
      log: this.#log,
    })
    return {
      connect: (calls) => (server.leads || this.#identity === null ? local.connect(calls) : dial.connect(calls)),
      prefer: () => undefined,
    }
  }

  /** Listens for the other machines, if there may be some. The first server makes the authority before. */
  async listen(): Promise<void> {
    const { link, dataDir, name, vigilance } = this.#options
    if (link === null) return
    const server = this.#requireServer()
    // Without an authority a first start was cut off before the store knew of it.
    if (this.#identity === null || server.authority === null) {
      const nodeId = this.nodeId ?? (await ownNode(server, name))
      this.#identity = await foundAuthority(server, dataDir, nodeId, [hostOf(link)], Date.now())
    }
    const identity = this.#identity
    this.#listener = await serveLink({
      host: link.host,
      port: link.port,
      identity,
      server,
      heartbeatMs: vigilance.heartbeatMs,
      log: this.#log,
      http: () => this.#http,
    })
    if (link.discovery !== null)
      this.#answering = await answerSearches(link.discovery, addressOf(link), server, this.#log)
    void this.#keepRenewed(identity, server)
  }

  #keepRenewed(first: Identity, server: Server): Promise<void> {
    let identity = first
    const { dataDir } = this.#options
    const renewed = async (present: StoredIdentity): Promise<StoredIdentity> => {
      const { key, request } = await newKeyAndRequest()
      const { clusterId, role, nodeId } = identity
      return { ...present, key, ...(await server.renew({ clusterId, role, nodeId }, request)) }
    }
    const take = async (files: StoredIdentity): Promise<void> => {
      await new IdentityFiles(dataDir).write(files)
      identity = { ...identity, files }
      this.#identity = identity
      this.#listener?.renew(files)
    }
    const present = (): StoredIdentity => identity.files
    const deps = { clock: systemClock(), rng: systemRng(), log: this.#log, present, renew: renewed, take }
    return keepRenewed(deps, this.#ending.signal)
  }

  serveApi(http: HttpServer): void {
    this.#http = http
  }

  readonly elsewhere = (): DialLeader | null => {
    const server = this.#server
    if (this.#options.isCutOff()) return null
    const address = server?.leader?.address ?? null
    if (server === null || server.leads || address === null || address === this.address || this.#identity === null)
      return null
    const identity = this.#identity
    return () => dialApi(address, identity)
  }

  async close(): Promise<void> {
    this.#ending.abort(new Error('the server ends'))
    await Promise.all([this.#answering?.close(), this.#listener?.close()])
  }

  #requireServer(): Server {
    if (this.#server === null) throw new OperationalError('UNAVAILABLE', 'the server is starting')
    return this.#server
  }

  #requireIdentity(): Identity {
    if (this.#identity === null) throw new OperationalError('UNAVAILABLE', 'this machine has no identity yet')
    return this.#identity
  }
}

/** What the others dial. */
function addressOf({ advertise, port }: LinkOptions): string {
  const given = hostAndPort(advertise)
  const host = given.host.includes(':') ? `[${given.host}]` : given.host
  return /:\d{1,5}$/.test(advertise) && !advertise.endsWith(']') ? `${host}:${given.port}` : `${host}:${port}`
}

function hostOf({ advertise }: LinkOptions): string {
  return hostAndPort(advertise).host
}

/** The id that this server's own agent was given. */
async function ownNode(server: Server, name: string): Promise<NodeId> {
  const find = (): NodeId | null => server.api.nodes().find((node) => node.name === name)?.id ?? null
  const ending = new AbortController()
  const query = { after: null, service: null, object: null, limit: 0 }
  for await (const _ of watching(server, query, ending.signal)) {
    const id = find()
    if (id === null) continue
    ending.abort()
    return id
  }
  throw new OperationalError('UNAVAILABLE', 'the server ended before its own node joined')
}

/** Now, and after every event. */
async function* watching(
  server: Server,
  query: Parameters<Server['api']['watchEvents']>[0],
  signal: AbortSignal,
): AsyncGenerator<void> {
  const events = server.api.watchEvents(query, signal)
  yield
  for await (const _ of events) yield
}
