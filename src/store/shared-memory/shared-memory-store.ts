import { OperationalError } from '../../core/errors.ts'
import type { Epoch, Millis, NodeId } from '../../core/model/ids.ts'
import { chooseKeeper } from '../../core/replica/choose-keeper.ts'
import { epochIn, type HeldState, takeOver } from '../../core/replica/take-over.ts'
import { contains } from '../../core/replica/tenure.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { Peer, PeerEvents, PeerMessage } from '../../ports/peers.ts'
import type { ChangeBatch, Commit, CommitOutcome, Lease, Snapshot, Store } from '../../ports/store.ts'
import { judgeCommit, requireBounded, toBatch, writesNothing } from '../judge-commit.ts'
import { KeeperLease } from './keeper-lease.ts'
import { RemoteCommits } from './remote-commits.ts'
import { Replica } from './replica.ts'
import type { StateCopy } from './state-copy.ts'

export interface SharedMemoryDeps {
  readonly clock: Clock
  readonly log: Log
  /** How many other servers there may be. */
  readonly others: number
  /** null: it is kept nowhere else. */
  readonly copy: StateCopy | null
}

interface KnownPeer {
  readonly peer: Peer
  /** It has said what it has, for this server to keep. */
  hasOffered: boolean
  /** What this server has not taken over yet. */
  offer: HeldState | null
  /** It has this server's state and is told of every commit. */
  follows: boolean
}

/**
 * The state in the memories of several servers. Of those that see each other the one with the lowest id is the keeper: it
 * judges commits, and tells the others of each. Where servers do not see each other there are several; when they meet, one
 * state goes on. So what was acknowledged is not safe: only what can be found out again may be kept here.
 */
export class SharedMemoryStore implements Store, PeerEvents {
  readonly kind = 'memory'
  readonly #deps: SharedMemoryDeps
  readonly #replica: Replica
  readonly #lease = new KeeperLease()
  readonly #commits = new RemoteCommits()
  readonly #peers = new Map<NodeId, KnownPeer>()
  /** 0: the first server, before it has an id. */
  #self: NodeId
  #keeps = false
  /** Whom this server follows, and whether it has that one's state; null: nobody. */
  #keeper: { readonly peer: Peer; hasState: boolean } | null = null
  #quietSince: Millis
  /** The highest in what was offered or given, also by servers that were gone again before it was taken over. */
  #seenEpoch: Epoch = 0
  #isNew = true
  #cancelReview: () => void = () => undefined
  #whenThere: (() => void)[] = []
  #closed = false

  private constructor(deps: SharedMemoryDeps, self: NodeId) {
    this.#deps = deps
    this.#self = self
    this.#replica = new Replica(deps.clock)
    this.#quietSince = deps.clock.now()
  }

  /** The store of a cluster that is made now. */
  static found(deps: SharedMemoryDeps): SharedMemoryStore {
    const store = new SharedMemoryStore(deps, 0)
    const began = { number: 1, by: 0, from: 0, since: deps.clock.now() }
    store.#replica.adopt({ tenures: [began], revision: 0, records: [] })
    store.#keeps = true
    store.#lease.begin()
    return store
  }

  /** The store of a server of a cluster that is there. It is of use after `untilThere`. */
  static async open(deps: SharedMemoryDeps, self: NodeId): Promise<SharedMemoryStore> {
    const store = new SharedMemoryStore(deps, self)
    const kept = (await deps.copy?.read()) ?? null
    if (kept !== null) store.#replica.adopt(kept)
    store.#quietSince = deps.clock.now()
    store.#review()
    return store
  }

  /** The id of this server. The one that founded the cluster learns it later. */
  become(self: NodeId): void {
    this.#self = self
    this.#review()
  }

  /** Resolves when this server keeps the state or has that of the keeper. */
  untilThere(): Promise<void> {
    if (this.#keeps || this.#keeper?.hasState === true) return Promise.resolve()
    return new Promise((resolve) => this.#whenThere.push(resolve))
  }

  async load(): Promise<Snapshot> {
    return this.#replica.snapshot()
  }

  async commit(commit: Commit): Promise<CommitOutcome> {
    requireBounded(commit)
    if (this.#closed) throw new OperationalError('UNAVAILABLE', 'cannot write to the store: it is closed')
    if (this.#keeps) return this.#decide(commit)
    if (this.#keeper?.hasState === true) return this.#commits.send(commit, this.#keeper.peer)
    throw new OperationalError('UNAVAILABLE', 'cannot write to the store: no server keeps it at this moment')
  }

  watch(after: number, onBatch: (batch: ChangeBatch) => void, onGap: (whole: Snapshot) => void): () => void {
    return this.#replica.watch(after, onBatch, onGap)
  }

  /** Only the keeper may lead: it resolves there. */
  campaign(_holder: string, signal: AbortSignal): Promise<Lease> {
    return this.#lease.campaign(signal)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#cancelReview()
    this.#stepDown('the store is closed')
    this.#replica.close()
    await this.#deps.copy?.settled()
  }

  onPeer(peer: Peer): void {
    this.#peers.set(peer.id, { peer, hasOffered: false, offer: null, follows: false })
    this.#quietSince = this.#deps.clock.now()
    this.#isNew = false
    this.#review()
  }

  onGone(peer: Peer): void {
    if (this.#peers.get(peer.id)?.peer !== peer) return
    this.#peers.delete(peer.id)
    this.#quietSince = this.#deps.clock.now()
    this.#commits.lost(peer)
    if (this.#keeper?.peer === peer) this.#keeper = null
    this.#review()
  }

  onMessage(peer: Peer, message: PeerMessage): void {
    const known = this.#peers.get(peer.id)
    if (known?.peer !== peer || this.#closed) return
    switch (message.kind) {
      case 'offer':
        this.#offered(known, message.state)
        break
      case 'state':
        this.#given(peer, message.state)
        break
      case 'batch':
        this.#told(peer, message.batch)
        break
      case 'commit':
        this.#asked(peer, message)
        break
      case 'outcome':
        this.#commits.answered(peer, message.number, message.outcome)
        break
      case 'refused':
        this.#commits.answered(peer, message.number, null)
        break
    }
  }

  #offered(known: KnownPeer, state: HeldState): void {
    known.hasOffered = true
    this.#seenEpoch = Math.max(this.#seenEpoch, epochIn(state))
    if (this.#keeps && contains(this.#replica.state(), state)) {
      this.#giveTo(known)
      return
    }
    known.offer = state
    // Two states: this one goes on with what is in both.
    if (this.#keeps) this.#stepDown('another server has gone its own way')
    this.#review()
  }

  #given(peer: Peer, state: HeldState): void {
    this.#seenEpoch = Math.max(this.#seenEpoch, epochIn(state))
    if (this.#keeper?.peer !== peer) return
    this.#keeper.hasState = true
    this.#adopt(state)
  }

  #told(peer: Peer, batch: ChangeBatch): void {
    if (this.#keeper?.peer !== peer || !this.#keeper.hasState) return
    if (this.#replica.take(batch)) this.#keep()
    else this.#follow(peer)
  }

  #asked(peer: Peer, { number, commit }: Extract<PeerMessage, { readonly kind: 'commit' }>): void {
    if (this.#keeps) peer.send({ kind: 'outcome', number, outcome: this.#decide(commit) })
    else peer.send({ kind: 'refused', number })
  }

  #decide(commit: Commit): CommitOutcome {
    const refused = judgeCommit(commit, this.#replica)
    if (refused !== null) return refused
    if (!writesNothing(commit)) {
      const batch = toBatch(commit, this.#replica.revision + 1)
      this.#replica.take(batch)
      this.#keep()
      for (const { peer, follows } of this.#peers.values()) if (follows) peer.send({ kind: 'batch', batch })
    }
    return { kind: 'committed', revision: this.#replica.revision }
  }

  /** Finds out who keeps the state, now that something has changed. */
  #review(): void {
    this.#cancelReview()
    if (this.#closed) return
    const { clock, others } = this.#deps
    const known = [...this.#peers.values()]
    const step = chooseKeeper({
      self: this.#self,
      peers: known.map(({ peer, hasOffered }) => ({ id: peer.id, hasOffered })),
      others,
      keeps: this.#keeps,
      hasState: this.#replica.isThere || known.some(({ offer }) => offer !== null && offer.tenures.length > 0),
      quietMs: clock.now() - this.#quietSince,
      isNew: this.#isNew,
    })
    if (step.kind === 'follow') {
      const keeper = this.#peers.get(step.keeper)?.peer
      if (keeper === undefined || this.#keeper?.peer === keeper) return
      this.#stepDown(`server ${keeper.id} keeps the state`)
      this.#follow(keeper)
    } else if (step.kind === 'take') this.#take(known)
    else if (step.kind === 'wait' && step.ms !== null)
      this.#cancelReview = clock.callAt(clock.now() + step.ms, () => this.#review())
  }

  #follow(keeper: Peer): void {
    this.#keeper = { peer: keeper, hasState: false }
    keeper.send({ kind: 'offer', state: this.#replica.state() })
  }

  #take(known: readonly KnownPeer[]): void {
    const { clock, log } = this.#deps
    const offers = known.flatMap(({ offer }) => offer ?? [])
    const state = takeOver([this.#replica.state(), ...offers], this.#self, clock.now(), this.#seenEpoch)
    this.#keeper = null
    this.#keeps = true
    this.#adopt(state)
    for (const one of known) {
      one.offer = null
      if (one.hasOffered) this.#giveTo(one)
    }
    log.info('this server keeps the state', { revision: state.revision, servers: 1 + known.length })
    this.#lease.begin()
  }

  #giveTo(known: KnownPeer): void {
    known.follows = true
    known.peer.send({ kind: 'state', state: this.#replica.state() })
  }

  #stepDown(because: string): void {
    if (!this.#keeps) return
    this.#keeps = false
    for (const known of this.#peers.values()) known.follows = false
    this.#lease.end(new OperationalError('UNAVAILABLE', `the lease is lost: ${because}`))
  }

  #adopt(state: HeldState): void {
    this.#replica.adopt(state)
    this.#keep()
    for (const resolve of this.#whenThere.splice(0)) resolve()
  }

  #keep(): void {
    this.#deps.copy?.write(() => this.#replica.state())
  }
}
