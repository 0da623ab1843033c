import type { Agent } from '../agent/agent.ts'
import type { Server } from '../control/server.ts'
import { OperationalError } from '../core/errors.ts'
import { parseJoinSecret } from '../core/identity/cluster-secret.ts'
import type { Millis, NodeId } from '../core/model/ids.ts'
import { heartbeatFor, type Vigilance } from '../core/node/vigilance.ts'
import { hostAndPort } from '../drivers/link/address.ts'
import type { LinkListener } from '../drivers/link/listen.ts'
import { localLink } from '../drivers/local-link.ts'
import { keyedCertifier } from '../drivers/pki/certifier.ts'
import { describeCertificate, readCertificate, termsOf } from '../drivers/pki/describe-certificate.ts'
import type { StoredIdentity } from '../drivers/pki/identity-files.ts'
import { isIncarnationProven } from '../drivers/pki/incarnation-proof.ts'
import { KeyRing } from '../drivers/pki/key-ring.ts'
import { newKeyAndRequest } from '../drivers/pki/request.ts'
import { systemRng } from '../drivers/rng.ts'
import type { Certifier } from '../ports/certifier.ts'
import type { Answering } from '../ports/discovery.ts'
import type { IncarnationTrust } from '../ports/incarnation-trust.ts'
import type { Link } from '../ports/link.ts'
import type { Log } from '../ports/log.ts'
import type { OwnIdentity } from '../ports/own-identity.ts'
import type { DialLeader } from '../transport/http/forward.ts'
import type { HttpServer } from '../transport/http/server.ts'
import type { WireMetric } from '../transport/wire.ts'
import { answerSearches, searchServers } from './discovery.ts'
import { foundAuthority, type Identity, joinAndKeep, readIdentity, rejoinIfNeeded } from './identity.ts'
import { joinWhenPossible } from './join-when-possible.ts'
import { linkMetrics } from './link-metrics.ts'
import type { LinkProtocols } from './link-service.ts'
import { MachineIdentity } from './machine-identity.ts'
import type { JoinOptions, LinkOptions } from './node-process.ts'

/** A leader that is lost has a successor within a second or two, and this server hears of it at once. */
const LEADER_REACHED_WITHIN_MS: Millis = 600

export interface MembershipOptions {
  readonly dataDir: string
  readonly name: string
  readonly link: LinkOptions | null
  readonly vigilance: Vigilance
  readonly join: JoinOptions | null
  /** What a server that keeps the store itself was given to join with; null: there is nothing yet. */
  readonly joinText?: () => string | null
  /** Where the API is served to other machines, which takes a certificate; null: to this one only. */
  readonly apiHost: string | null
  /** Nobody else can answer: requests stay here. */
  readonly isCutOff: () => boolean
  /** What uses cluster keys beside this; left out: nothing. */
  readonly takeKeys?: (keys: readonly Buffer[]) => Promise<void>
  /** Whether others can use the store too. A server of its own store cannot join. */
  readonly sharesStore: boolean
  /** What else is served on the link. */
  readonly protocols: LinkProtocols
}

/** What ties a server to the other machines of its cluster: who it is, and the port where they find it. */
export class Membership {
  readonly #options: MembershipOptions
  readonly #log: Log
  #first: Identity | null
  #machine: MachineIdentity | null = null
  readonly #ring = new KeyRing(() => this.#identity?.files ?? { clusterKey: null })
  #agent: Agent | null = null
  #server: Server | null = null
  #http: HttpServer | null = null
  #listener: LinkListener | null = null
  #answering: Answering | null = null
  #unfollow: () => void = () => undefined

  private constructor(options: MembershipOptions, identity: Identity | null, log: Log) {
    this.#options = options
    this.#first = identity
    this.#log = log
  }

  /** Finds out who this machine is; with a join token it becomes a server of a cluster that is there. */
  static async open(options: MembershipOptions, log: Log): Promise<Membership> {
    const { dataDir, name, link, join } = options
    let identity = await readIdentity(dataDir)
    if (identity === null && join !== null && founding(options) === null) {
      if (link === null) throw new OperationalError('USAGE', 'a server that joins others needs --link')
      if (!options.sharesStore) throw ownStore()
      const { servers: named, token, discovery } = join
      const servers = named.length > 0 ? named : await searchServers(discovery, token, log)
      const asking = { servers, token, role: 'server', name, addresses: [link.advertise] } as const
      identity = await joinWhenPossible(() => joinAndKeep(dataDir, asking), log)
    } else if (identity !== null && join !== null) {
      const addresses = link === null ? [] : [link.advertise]
      identity = await rejoinIfNeeded(dataDir, identity, { ...join, name, addresses }, Date.now(), log)
    }
    if (identity !== null && identity.role !== 'server') {
      throw new OperationalError('CONFIG_INVALID', `this machine is agent ${identity.nodeId}, and no server`, {
        hint: 'start it with `gantry agent`',
      })
    }
    return new Membership(options, identity, log)
  }

  /** As its own agent tells servers of it, from the time on when it has one. */
  readonly ownIdentity: OwnIdentity = {
    trust: () => this.#machine?.trust() ?? null,
    learn: async (update) => this.#machine?.learn(update),
    renew: () => this.#machine?.renew(),
  }

  get #identity(): Identity | null {
    return this.#machine?.present ?? this.#first
  }

  /** Who this machine is; null: nobody yet. */
  get identity(): Identity | null {
    return this.#identity
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
    return clusterKey === null ? null : keyedCertifier(this.#ring)
  }

  /** Of its certificate; null: it has none. */
  get serial(): string | null {
    return this.#identity === null ? null : termsOf(readCertificate(this.#identity.files.certificate)).serial
  }

  /** Waits until the server may go on: one that belongs to nobody yet must lead, or its cluster would not be there. */
  async takeServer(server: Server): Promise<void> {
    this.#server = server
    if (this.#identity === null && server.authority !== null) {
      throw new OperationalError('PREREQUISITE', 'this store belongs to a cluster that this machine has not joined', {
        hint: 'join it with --join-token-file and --servers; `gantry join-token create --role server` makes a token',
      })
    }
    const { name } = this.#options
    requireOwnName(name, this.nodeId, server)
    const leader = server.leader?.holder ?? name
    if (this.#identity === null && leader !== name)
      this.#log.warn('waits until another server, which listens for no other machine, has ended', { server: leader })
    if (this.#identity === null || server.leader === null) await server.untilLeading()
  }

  /** The link of this machine's own agent: within the process while its server leads, else to whoever does. */
  ownLink(): Link {
    const server = this.#requireServer()
    const local = localLink((connection) => server.accept(connection))
    let dialled: Promise<Link> | null = null
    const others = (): Promise<Link> => {
      dialled ??= this.#linkToOthers(server)
      return dialled
    }
    return {
      connect: async (calls) =>
        server.leads || this.#identity === null ? local.connect(calls) : (await others()).connect(calls),
      prefer: () => undefined,
    }
  }

  /** What a machine that is alone never loads: the link and its forms take megabytes. */
  async #linkToOthers(server: Server): Promise<Link> {
    const { dialLink } = await import('../drivers/link/dial.ts')
    return dialLink({
      servers: () => {
        const address = server.leader?.address ?? null
        return address === null || address === this.address ? [] : [address]
      },
      identity: () => this.#requireIdentity(),
      revoked: () => server.revoked?.all ?? new Set(),
      rng: systemRng(),
      heartbeatMs: this.#options.vigilance.heartbeatMs,
      reachedWithinMs: LEADER_REACHED_WITHIN_MS,
      log: this.#log,
    })
  }

  /** Listens for the other machines, if there may be some. The first server makes the authority before. */
  async listen(agent: Agent): Promise<void> {
    const { link, apiHost, dataDir, name } = this.#options
    if (link === null && apiHost === null) return
    const server = this.#requireServer()
    this.#agent = agent
    // Without an authority a first start was cut off before the store knew of it.
    if (this.#first === null || server.authority === null) {
      const nodeId = this.nodeId ?? (await ownNode(server, name))
      const addresses = [
        ...(link === null ? [] : [hostOf(link)]),
        ...(apiHost === null || isWildcard(apiHost) ? [] : [apiHost]),
      ]
      const secret = founding(this.#options)
      this.#first = await foundAuthority(server, dataDir, nodeId, [...new Set(addresses)], secret, Date.now())
    }
    const listener = link === null ? null : await this.#listenOn(link, this.#first, server)
    await this.#keepIdentity(this.#first, server, listener)
  }

  async #listenOn(link: LinkOptions, identity: Identity, server: Server): Promise<LinkListener> {
    const { serveLink } = await import('./link-service.ts')
    const listener = await serveLink({
      host: link.host,
      port: link.port,
      identity,
      server,
      heartbeatMs: () => this.#heartbeatMs(),
      log: this.#log,
      http: () => this.#http,
      protocols: this.#options.protocols,
    })
    this.#listener = listener
    this.#unfollow = server.revoked?.onChange(() => listener.judge()) ?? this.#unfollow
    if (link.discovery !== null)
      this.#answering = await answerSearches(link.discovery, addressOf(link), server, this.#log)
    return listener
  }

  /** How often each agent of this server says that it is there. */
  #heartbeatMs(): Millis {
    return heartbeatFor(this.#server?.vigilance ?? this.#options.vigilance, this.#server?.nodeCount ?? 0)
  }

  /** What the link measures. */
  metrics(): readonly WireMetric[] {
    return linkMetrics(this.#listener?.sessions ?? 0, this.#heartbeatMs())
  }

  /** What the API shows to other machines; null: there is none. With the authority in it a fingerprint can be checked. */
  get apiTls(): { readonly cert: string; readonly key: string } | null {
    return this.#identity === null ? null : apiTlsOf(this.#identity.files)
  }

  async #keepIdentity(identity: Identity, server: Server, listener: LinkListener | null): Promise<void> {
    this.#machine = await MachineIdentity.open({
      dataDir: this.#options.dataDir,
      identity,
      log: this.#log,
      wall: Date.now,
      ...(this.#options.takeKeys !== undefined && { takeKeys: this.#options.takeKeys }),
      renew: async (present) => {
        const { key, request } = await newKeyAndRequest()
        const { clusterId, role, nodeId } = this.#requireIdentity()
        const { keyHash } = describeCertificate(present.certificate)
        const who = { identity: { clusterId, role, nodeId }, keyHash }
        return { ...present, key, ...(await server.renew(who, request)) }
      },
      onChange: ({ files }) => {
        listener?.renew(files)
        this.#http?.renew(apiTlsOf(files))
        this.#agent?.introduce()
      },
    })
    // It said hello before it had a certificate, or before anybody kept it.
    this.#agent?.introduce()
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
    const present = this.#identity
    return async () => {
      const { dialApi } = await import('./link-service.ts')
      return dialApi(address, { present, revoked: server.revoked?.all ?? new Set() })
    }
  }

  async close(): Promise<void> {
    this.#machine?.end()
    this.#unfollow()
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

/** It would make a second cluster in that store. */
function ownStore(): OperationalError {
  return new OperationalError(
    'PREREQUISITE',
    'cannot join as a server: no other server reaches the store of this one',
    {
      hint: 'name the store of the others with --backend-type (and --seeds, where they keep it themselves), or join with `gantry agent`',
    },
  )
}

function apiTlsOf({ certificate, bundle, key }: StoredIdentity): { readonly cert: string; readonly key: string } {
  return { cert: `${certificate.trimEnd()}\n${bundle}`, key }
}

/** The cluster secret with which a first server begins: one that names no other server has none to join. */
function founding({ join, joinText = () => null }: MembershipOptions): string | null {
  const text = join === null ? joinText() : join.servers.length > 0 ? null : join.token
  if (text === null) return null
  const given = parseJoinSecret(text)
  return given.kind === 'clusterSecret' ? given.secret : null
}

/** What the others dial. */
function addressOf({ advertise, port }: LinkOptions): string {
  const given = hostAndPort(advertise)
  const host = given.host.includes(':') ? `[${given.host}]` : given.host
  return /:\d{1,5}$/.test(advertise) && !advertise.endsWith(']') ? `${host}:${given.port}` : `${host}:${port}`
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

function hostOf({ advertise }: LinkOptions): string {
  return hostAndPort(advertise).host
}

/** Servers know the leader by its name, so two must not have the same. */
function requireOwnName(name: string, nodeId: NodeId | null, server: Server): void {
  const other = server.api.nodes().find((node) => node.name === name && node.id !== nodeId)
  if (nodeId === null || other === undefined) return
  throw new OperationalError('CONFLICT', `this machine is node ${nodeId}, and node ${other.id} is called ${name}`, {
    hint: 'give another --name',
  })
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
