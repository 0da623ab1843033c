import { OperationalError } from '../core/errors.ts'
import type { Cluster, IncarnationProof, Leadership } from '../core/model/cluster.ts'
import type { AccessToken, CertificateAuthority, IssuedCertificate, NodeIdentity } from '../core/model/identity.ts'
import type { Millis, NodeId } from '../core/model/ids.ts'
import { AUTHORITY_KEY, CLUSTER_KEY, keyOf, LEADERSHIP_KEY } from '../core/model/objects.ts'
import { type Vigilance, vigilanceIn } from '../core/node/vigilance.ts'
import type { Strategy } from '../core/schedule/strategy.ts'
import { levelRefusal } from '../core/upgrade/level-refusal.ts'
import { aborted } from '../lib/aborted.ts'
import type { Rng } from '../lib/rng.ts'
import type { Certifier } from '../ports/certifier.ts'
import { type Clock, sleep } from '../ports/clock.ts'
import type { AgentConnection } from '../ports/link.ts'
import type { Log } from '../ports/log.ts'
import type { Reach } from '../ports/reach.ts'
import type { Commit, Store, Write } from '../ports/store.ts'
import type { StoreMembers } from '../ports/store-members.ts'
import { Mirror } from '../store/mirror.ts'
import {
  type Admission,
  type AdmissionDeps,
  admit,
  admitBySecret,
  type JoinRequest,
  type TokenRequest,
} from './admission.ts'
import type { Api } from './api.ts'
import type { BackupTools } from './backups.ts'
import { Candidacy, isIn, machinesBeside, type Turn } from './candidacy.ts'
import { insist } from './insist.ts'
import { requirePresent, takeEpoch } from './lead.ts'
import { leave } from './leave.ts'
import { registerServer } from './register-server.ts'
import { type Renewal, type Renewing, renew } from './renew.ts'
import { RevokedSerials } from './revoked-serials.ts'
import { ServerApi } from './server-api.ts'
import { type Standing, standingOf } from './standing.ts'
import { Term } from './term.ts'
import { World } from './world.ts'

export interface ServerConfig {
  /** Name of this server, shown as leader. */
  readonly name: string
  /** Where agents and other servers reach it, `host:port`; null: it is alone. */
  readonly address: string | null
  /** The cluster to create when the store is empty; its id is used for nothing else. */
  readonly newCluster: () => Cluster
  readonly strategy: Strategy
  /** How this server watches over agents while it leads, as long as nobody sets it for the cluster. */
  readonly vigilance: Vigilance
  /** Servers of that region lead when they are there; null: none is preferred. */
  readonly preferRegion: string | null
  readonly version: string
  /** The highest level of forms that this version knows. */
  readonly level: number
  /** The store may lose what it acknowledged, and says itself who leads: there are no tasks, and nobody leads without its lease. */
  readonly isVolatile?: true
}

export interface ServerDeps {
  readonly store: Store
  readonly clock: Clock
  readonly rng: Rng
  readonly log: Log
  readonly reach: Reach
  /** null while this server takes no other machines. */
  readonly certifier: () => Certifier | null
  readonly backups: BackupTools
  /** Of the certificate that this server shows; null, or left out: it shows none. */
  readonly serial?: () => string | null
  /** The servers that keep the store themselves; null: the store is kept elsewhere. */
  readonly storeMembers?: StoreMembers | null
  readonly config: ServerConfig
}

/** What is known of the first certificate that an authority signs. */
export interface FirstCertificate {
  /** The node that it is for, a server. */
  readonly nodeId: NodeId
  readonly issued: IssuedCertificate
  /** The authority's word for an incarnation that began before there was one; null: none is needed. */
  readonly proof: IncarnationProof | null
}

/** A pause after an attempt to lead that failed, so that servers whose store is ill do not wear it out. */
const AGAIN_MS: Millis = 500

interface Waiter {
  readonly resolve: () => void
  readonly reject: (reason: unknown) => void
}

/**
 * The control plane of one process: a view of the state, the API over it, and while it leads, a term. It campaigns for as
 * long as it runs, so that it leads again when it has lost the lead.
 */
export class Server {
  readonly #deps: ServerDeps
  readonly #stop = new AbortController()
  readonly #refused = new AbortController()
  #world: World | null = null
  #revoked: RevokedSerials | null = null
  #api: ServerApi | null = null
  #term: Term | null = null
  #candidate: Candidacy | null = null
  #campaigning: Promise<unknown> = Promise.resolve()
  #waiting: Waiter[] = []
  #admitting: Promise<unknown> = Promise.resolve()

  constructor(deps: ServerDeps) {
    this.#deps = deps
  }

  /** Resolves when this server has a view of the state; it campaigns from then on. */
  async start(): Promise<void> {
    const { store, clock, log, config, backups, storeMembers = null } = this.#deps
    this.#world = new World(await Mirror.open(store), clock)
    requirePresent(this.#world.mirror)
    if (this.#stop.signal.aborted) return this.#world.mirror.close()
    this.#revoked = new RevokedSerials(this.#world.mirror)
    this.#checkLevel(this.#world)
    this.#refused.signal.throwIfAborted()
    this.#api = new ServerApi({
      store,
      world: this.#world,
      clock,
      log,
      term: () => this.#term,
      isLed: () => this.leads || !(this.#candidate?.hasTurn === true || this.leader?.holder === config.name),
      admission: () => this.#admission(),
      backups,
      storeKind: store.kind,
      storeMembers,
      version: config.version,
      started: config,
      isVolatile: config.isVolatile === true,
    })
    const standing = standingOf(this.#world.mirror, this.#revoked, this.#deps.serial ?? (() => null))
    const registering = this.#untilStopped(this.#register(this.#world, standing))
    this.#campaigning = Promise.all([this.#campaign(this.#world, standing), registering])
  }

  /** Aborts, with the reason, when the cluster has come to a level that this version does not know: it must end. */
  get refused(): AbortSignal {
    return this.#refused.signal
  }

  /** Resolves when this server leads; rejects with what keeps it from leading, or when it stops. */
  untilLeading(): Promise<void> {
    if (this.#term !== null) return Promise.resolve()
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  /** Whether it decides now. */
  get leads(): boolean {
    return this.#term !== null
  }

  /** The facade that routes and the local CLI use. Without the lead it answers reads only. */
  get api(): Api {
    if (this.#api === null) throw new OperationalError('UNAVAILABLE', 'the server is starting')
    return this.#api
  }

  /** Takes an agent's connection over, or sends it away: only the leader has agents. */
  accept(connection: AgentConnection): void {
    if (this.#term !== null) {
      this.#term.sessions.accept(connection)
      return
    }
    connection.send({ kind: 'elsewhere', leader: this.leader?.address ?? null })
    connection.close()
  }

  /** Who leads, as far as this server knows. */
  get leader(): Leadership | null {
    return this.#world?.mirror.get(LEADERSHIP_KEY)?.value ?? null
  }

  /** Lets a machine in that has a join token. */
  admit(request: TokenRequest): Promise<Admission> {
    return this.#oneByOne(() => admit(request, this.#admission()))
  }

  /** Lets a machine in that has proved that it knows the cluster secret. */
  admitBySecret(request: JoinRequest): Promise<Admission> {
    return this.#oneByOne(() => admitBySecret(request, this.#admission()))
  }

  /** Machines that come at once all want the smallest free id: in a row each finds another one. */
  #oneByOne(letIn: () => Promise<Admission>): Promise<Admission> {
    const admission = this.#admitting.then(letIn)
    this.#admitting = admission.catch(() => undefined)
    return admission
  }

  /** A new certificate for a node that proves who it is with one that it was given. */
  renew(who: Renewing, request: string): Promise<Renewal> {
    return renew(who, request, this.#admission())
  }

  /** Nodes of the cluster, there or not. */
  get nodeCount(): number {
    return this.#world?.mirror.count('node') ?? 0
  }

  /** How a leader watches over agents now. */
  get vigilance(): Vigilance {
    return vigilanceIn(this.#world?.mirror.get(CLUSTER_KEY)?.value.settings ?? {}, this.#deps.config.vigilance)
  }

  /** Certificates that are not believed although they have not expired. */
  get revoked(): RevokedSerials | null {
    return this.#revoked
  }

  /** Takes a node out that proves who it is, and says that it runs nothing any more. */
  leave(identity: Pick<NodeIdentity, 'nodeId'>, machineId: string | null): Promise<void> {
    return leave(identity, machineId, this.#admission())
  }

  /** The certificate authority, if the cluster has one. */
  get authority(): CertificateAuthority | null {
    return this.#world?.mirror.get(AUTHORITY_KEY)?.value ?? null
  }

  /** Gives the cluster the authority of its certificates, once, with the first of them, and its word for the incarnation. False: it has one already. */
  async foundAuthority(authority: CertificateAuthority, { nodeId, issued, proof }: FirstCertificate): Promise<boolean> {
    const cluster = this.#world?.mirror.get(CLUSTER_KEY) ?? null
    const proven: Write[] =
      cluster === null || proof === null ? [] : [{ put: CLUSTER_KEY, value: { ...cluster.value, proof } }]
    const { store, clock, config } = this.#deps
    const message = 'the cluster has a certificate authority'
    const outcome = await store.commit({
      epoch: null,
      expect: [
        { key: AUTHORITY_KEY, revision: 0 },
        { key: CLUSTER_KEY, revision: cluster?.revision ?? 0 },
      ],
      writes: [
        { put: AUTHORITY_KEY, value: authority },
        { put: keyOf('certificates', nodeId), value: { nodeId, role: 'server', issued: [issued] } },
        ...proven,
      ],
      events: [
        { kind: 'cluster.created', object: AUTHORITY_KEY, service: null, message, by: config.name, at: clock.now() },
      ],
    })
    if (outcome.kind === 'committed') await this.#world?.mirror.waitFor(outcome.revision)
    return outcome.kind === 'committed'
  }

  /** Tokens for the API that are good on every server. */
  get accessTokens(): readonly AccessToken[] {
    return (this.#world?.mirror.list('access') ?? []).map(({ value }) => value)
  }

  /** Makes a token for the API good on every server. Without a store it waits for one, and no longer than this server runs. */
  async allow({ id, sha256 }: Pick<AccessToken, 'id' | 'sha256'>): Promise<void> {
    const { store, clock, config } = this.#deps
    const key = keyOf('access', id)
    const by = config.name
    const token = (): Commit | null => {
      if (this.accessTokens.some((known) => known.id === id)) return null
      const at = clock.now()
      const value = { id, sha256, createdBy: by, createdAt: at }
      const message = `token ${id} may use the API`
      const event = { kind: 'token.created', object: key, service: null, message, by, at } as const
      return { epoch: null, expect: [{ key, revision: 0 }], writes: [{ put: key, value }], events: [event] }
    }
    await this.#untilStopped(insist(token, { store, clock }, this.#stop.signal))
  }

  /** Its end by `stop` is no failure. */
  #untilStopped(work: Promise<void>): Promise<void> {
    return work.catch((error: unknown) => {
      if (!this.#stop.signal.aborted) throw error
    })
  }

  #admission(): AdmissionDeps {
    const { store, clock, certifier } = this.#deps
    if (this.#world === null) throw new OperationalError('UNAVAILABLE', 'the server is starting')
    return { store, world: this.#world, clock, certifier: certifier() }
  }

  /** Ends leading and serving. The store stays open: who opened it closes it. */
  async stop(): Promise<void> {
    const reason = new OperationalError('UNAVAILABLE', 'the server is going down')
    this.#stop.abort(reason)
    this.#term?.end(reason)
    this.#world?.mirror.close()
    this.#tellWaiting((waiter) => waiter.reject(reason))
    await this.#campaigning
  }

  /** Looks now, and at every change, whether this version may serve the cluster. */
  #checkLevel(world: World): void {
    const { mirror } = world
    const look = (): void => {
      const refusal = levelRefusal(this.#deps.config.level, mirror.get(CLUSTER_KEY)?.value ?? null)
      if (refusal === null || this.#refused.signal.aborted) return
      this.#refused.abort(refusal)
      this.#stop.abort(refusal)
      this.#term?.end(refusal)
    }
    look()
    mirror.onChange(look)
  }

  async #register({ mirror }: World, standing: Standing): Promise<void> {
    const { store, clock, config } = this.#deps
    const { name, address, version, level } = config
    await this.#untilBelieved(standing)
    await registerServer({ name, address, version, level }, { store, mirror, clock }, this.#stop.signal)
  }

  /** A server whose word is worth nothing is none: nobody would connect to it, and whoever could lead would wait for it. */
  async #untilBelieved(standing: Standing): Promise<void> {
    while (standing.lost !== null) await sleep(this.#deps.clock, AGAIN_MS, this.#stop.signal)
  }

  async #campaign(world: World, standing: Standing): Promise<void> {
    const { clock, log } = this.#deps
    const stopped = this.#stop.signal
    const candidacy = this.#candidacy(world)
    this.#candidate = candidacy
    while (!stopped.aborted) {
      try {
        await this.#untilBelieved(standing)
        const turn = await candidacy.turn(stopped)
        const end = await this.#lead(turn, world, standing).finally(() => turn.lease.release())
        if (end?.code === 'STALE_EPOCH') candidacy.deposed()
      } catch (error) {
        if (stopped.aborted) return
        if (!(error instanceof OperationalError)) throw error
        log.warn('cannot lead', { reason: error.message })
        this.#tellWaiting((waiter) => waiter.reject(error))
      }
      // Its end by `stop` is what the loop looks for.
      await sleep(clock, AGAIN_MS, stopped).catch(() => undefined)
    }
  }

  #candidacy(world: World): Candidacy {
    const { store, clock, rng, log, reach, config } = this.#deps
    const leader = (): Leadership | null => world.mirror.get(LEADERSHIP_KEY)?.value ?? null
    return new Candidacy({
      store,
      clock,
      rng: rng.split('candidacy'),
      log,
      reach,
      holder: config.name,
      ownAddress: config.isVolatile === true ? null : config.address,
      leader,
      isPreferred: (server) => isIn(config.preferRegion, server, world.nodes()),
      others: () => machinesBeside([leader()?.address, config.address], world.nodes()),
    })
  }

  /** Leads until the term is over; resolves with what ended it, or null where it did not begin. */
  async #lead({ lease, after }: Turn, world: World, standing: Standing): Promise<OperationalError | null> {
    if (standing.lost !== null) return null
    const { store, clock, log, reach, certifier, config } = this.#deps
    const { mirror } = world
    const signal = AbortSignal.any([this.#stop.signal, lease.lost])
    const taking = takeEpoch({ ...config, store, mirror, clock, holder: config.name, after }, signal)
    const epoch = await taking.catch((error: unknown) => {
      if (signal.aborted) return null
      throw error
    })
    if (epoch === null || signal.aborted) return null
    log.info('leading', { epoch, revision: mirror.revision })
    const deps = { store, world, clock, log, epoch, level: config.level }
    const term = new Term(deps, { reach, certifier, ...config, vigilance: () => this.vigilance })
    this.#term = term
    this.#tellWaiting((waiter) => waiter.resolve())
    const onLost = (): void => term.end(new OperationalError('NOT_LEADER', 'the lease is lost'))
    lease.lost.addEventListener('abort', onLost)
    const unfollow = mirror.onChange(() => {
      const reigning = mirror.get(LEADERSHIP_KEY)?.value.epoch ?? epoch
      if (reigning > epoch) term.end(new OperationalError('STALE_EPOCH', `epoch ${reigning} reigns`))
    })
    const undo = standing.onLost((why) => term.end(why))
    await aborted(term.over)
    this.#term = null
    unfollow()
    undo()
    lease.lost.removeEventListener('abort', onLost)
    const end = term.over.reason as OperationalError
    log.warn('no longer leading', { epoch, reason: end.message })
    return end
  }

  #tellWaiting(tell: (waiter: Waiter) => void): void {
    for (const waiter of this.#waiting.splice(0)) tell(waiter)
  }
}
