import { OperationalError } from '../../core/errors.ts'
import type { Millis, StoreRevision } from '../../core/model/ids.ts'
import type { Rng } from '../../lib/rng.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ChangeBatch, Commit, CommitOutcome, Lease, Snapshot, Store } from '../../ports/store.ts'
import { drawHex } from '../draw-hex.ts'
import { requireBounded } from '../judge-commit.ts'
import { Committer } from './committer.ts'
import { EtcdConnection } from './connection.ts'
import { createState } from './create-state.ts'
import { Election } from './election.ts'
import type { TlsText } from './endpoint.ts'
import { EtcdFailure, toOperational } from './failure.ts'
import { Feed } from './feed.ts'
import { Layout } from './layout.ts'
import { listState } from './listing.ts'
import type { Credentials } from './methods.ts'
import { Replica } from './replica.ts'

const DEFAULT_LEASE_TTL_SECONDS = 3
const DEFAULT_REQUEST_TIMEOUT_MS: Millis = 5_000

export interface EtcdOptions {
  /** `host:port` of members of one etcd, at least one. */
  readonly endpoints: readonly string[]
  /** Everything is kept under `<namespace>/`; several states may share an etcd. */
  readonly namespace: string
  readonly user?: Credentials
  readonly tls?: TlsText
  /** How long the lease outlives its holder; 3 by default. etcd may make it longer. */
  readonly leaseTtlSeconds?: number
  /** Time between two renewals of the lease; a third of its time to live by default, and half of it at most. */
  readonly renewIntervalMs?: Millis
  /** Within this everything is answered; 5,000 by default. */
  readonly requestTimeoutMs?: Millis
  readonly clock: Clock
  /** Draws the names of states and writers; two processes must not draw the same. */
  readonly rng: Rng
}

/**
 * Keeps the state in etcd, where several servers share it. See docs/design/etcd.md for the keys and for how a commit
 * becomes a transaction.
 */
export class EtcdStore implements Store {
  readonly kind = 'etcd'
  readonly #connection: EtcdConnection
  readonly #layout: Layout
  readonly #replica: Replica
  readonly #feed: Feed
  readonly #committer: Committer
  readonly #election: Election
  #closed = false

  private constructor(options: EtcdOptions, connection: EtcdConnection, layout: Layout, replica: Replica) {
    const { clock } = options
    const leaseTtlSeconds = options.leaseTtlSeconds ?? DEFAULT_LEASE_TTL_SECONDS
    const requestTimeoutMs = options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS
    const feed = new Feed({ connection, layout, replica, clock })
    this.#connection = connection
    this.#layout = layout
    this.#replica = replica
    this.#feed = feed
    this.#committer = new Committer({ connection, layout, replica, feed, clock, requestTimeoutMs })
    const renewIntervalMs = options.renewIntervalMs ?? (leaseTtlSeconds * 1_000) / 3
    this.#election = new Election({ connection, layout, clock, leaseTtlSeconds, renewIntervalMs })
  }

  /**
   * Opens the state under a namespace, or makes it when nothing is there. Throws STORE_CORRUPT for what is damaged,
   * foreign or newer and leaves it as it is, CONFIG_INVALID for a namespace that cannot be one, PREREQUISITE when etcd
   * refuses who we are, and UNAVAILABLE when it cannot be reached.
   */
  static async open(options: EtcdOptions): Promise<EtcdStore> {
    const layout = new Layout(options.namespace)
    const connection = new EtcdConnection({ requestTimeoutMs: DEFAULT_REQUEST_TIMEOUT_MS, ...options })
    try {
      await createState(connection, layout, options.rng)
      const listing = await listState(connection, layout)
      const load = (): Promise<Snapshot> => loadState(connection, layout)
      const replica = new Replica(options.clock, drawHex(options.rng), listing, load)
      const store = new EtcdStore(options, connection, layout, replica)
      store.#feed.start()
      return store
    } catch (error) {
      connection.close()
      throw couldNotOpen(options, error)
    }
  }

  async load(): Promise<Snapshot> {
    if (this.#closed) throw closed('read')
    return loadState(this.#connection, this.#layout)
  }

  async commit(commit: Commit): Promise<CommitOutcome> {
    requireBounded(commit)
    if (this.#closed) throw closed('write to')
    return this.#committer.commit(commit)
  }

  watch(after: StoreRevision, onBatch: (batch: ChangeBatch) => void, onGap: (whole: Snapshot) => void): () => void {
    return this.#replica.log.watch(after, onBatch, onGap)
  }

  campaign(holder: string, signal: AbortSignal): Promise<Lease> {
    return this.#election.campaign(holder, signal)
  }

  /** Shows this certificate to etcd from now on. */
  renewTls(tls: TlsText): void {
    this.#connection.renew(tls)
  }

  /** Answers those who still wait, within the time of a request. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await Promise.all([this.#committer.drain(), this.#election.close()])
    const stopped = this.#feed.stop()
    this.#replica.log.close()
    this.#connection.close()
    await stopped
  }
}

async function loadState(connection: EtcdConnection, layout: Layout): Promise<Snapshot> {
  try {
    const { head, records } = await listState(connection, layout)
    return { revision: head.revision, records }
  } catch (error) {
    throw toOperational('read the store', error)
  }
}

function couldNotOpen(options: EtcdOptions, error: unknown): unknown {
  if (!(error instanceof EtcdFailure) || error.kind !== 'refused') return toOperational('open the store', error)
  const where = `${options.endpoints.join(', ')} under ${options.namespace}`
  return new OperationalError('PREREQUISITE', `cannot use etcd at ${where}: ${error.message}`, {
    hint: 'give the user of etcd that may read and write everything under the namespace',
    cause: error,
  })
}

function closed(what: string): OperationalError {
  return new OperationalError('UNAVAILABLE', `cannot ${what} the store: it is closed`)
}
