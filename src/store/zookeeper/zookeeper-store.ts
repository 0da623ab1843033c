import { OperationalError } from '../../core/errors.ts'
import type { Millis, StoreRevision } from '../../core/model/ids.ts'
import type { Rng } from '../../lib/rng.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ChangeBatch, Commit, CommitOutcome, Lease, Snapshot, Store } from '../../ports/store.ts'
import { requireBounded } from '../judge-commit.ts'
import { Committer } from './committer.ts'
import { createState } from './create-state.ts'
import { Election } from './election.ts'
import type { TlsOptions } from './endpoint.ts'
import { parseEndpoint } from './endpoint.ts'
import { Layout } from './format.ts'
import type { LogBounds } from './log-trimmer.ts'
import { DEFAULT_LOG_BOUNDS, LogTrimmer } from './log-trimmer.ts'
import { Replica } from './replica.ts'
import { SessionKeeper } from './session-keeper.ts'
import { Turns } from './turns.ts'

export interface ZooKeeperOptions {
  /** `host:port`, one at least; the port is 2181 if none is given. */
  readonly hosts: readonly string[]
  /** How long a server that went silent still holds its lease; ZooKeeper may set bounds to it. */
  readonly sessionTimeoutMs: Millis
  /** Where the state is kept: `/gantry`, with a slash before each name and none at the end. */
  readonly root: string
  /** Where candidates for the lease stand, if not below the root; the same for all servers of a cluster. */
  readonly sessionPath?: string | null
  readonly tls?: TlsOptions | null
  /** `user:password` for ZooKeeper's digest scheme; only this user can then use what is created. */
  readonly auth?: string | null
  readonly log?: LogBounds
  readonly clock: Clock
  /** Draws the names of states and candidates; two processes must not draw the same. */
  readonly rng: Rng
}

interface Parts {
  readonly keeper: SessionKeeper
  readonly replica: Replica
  readonly committer: Committer
  readonly trimmer: LogTrimmer
  readonly turns: Turns
  readonly election: Election
}

/**
 * Keeps the state in ZooKeeper, for one or more servers. Each has a copy of everything in memory, which follows the log
 * of commits; docs/design/zookeeper.md says how a commit becomes one transaction, and what fences what.
 */
export class ZooKeeperStore implements Store {
  readonly kind = 'zookeeper'
  readonly #parts: Parts
  readonly #patienceMs: Millis
  #closed = false

  private constructor(parts: Parts, sessionTimeoutMs: Millis) {
    this.#parts = parts
    this.#patienceMs = sessionTimeoutMs / 3
  }

  /**
   * Connects, makes an empty state where there is none, and reads everything. Throws CONFIG_INVALID for options that
   * make no sense, UNAVAILABLE when no server answers within a session timeout, PREREQUISITE when the credentials are
   * refused, STORE_CORRUPT for a root that is foreign, newer or damaged; it is not touched then.
   */
  static async open(options: ZooKeeperOptions): Promise<ZooKeeperStore> {
    const layout = checkedLayout(options)
    const servers = options.hosts.map(parseEndpoint)
    if (servers.length === 0) throw new OperationalError('CONFIG_INVALID', 'cannot use ZooKeeper: it has no hosts')
    const timeoutMs = options.sessionTimeoutMs
    const { clock, rng, tls = null, auth: digest = null } = options
    const keeper = new SessionKeeper({ servers, timeoutMs, tls, digest, clock, rng })
    try {
      await createState(keeper.client, layout, rng)
      const replica = await Replica.open(keeper, layout)
      const trimmer = new LogTrimmer(keeper, layout, options.log ?? DEFAULT_LOG_BOUNDS)
      const turns = Turns.begin(keeper, layout, replica)
      const committer = new Committer({ keeper, layout, replica, trimmer, turns, patienceMs: timeoutMs })
      const election = new Election(keeper, layout)
      return new ZooKeeperStore({ keeper, replica, committer, trimmer, turns, election }, timeoutMs)
    } catch (error) {
      await keeper.close()
      throw error
    }
  }

  async load(): Promise<Snapshot> {
    const { committer, replica } = this.#parts
    await committer.settled()
    await replica.catchUp(true)
    return replica.view.snapshot()
  }

  async commit(commit: Commit): Promise<CommitOutcome> {
    requireBounded(commit)
    return this.#parts.committer.commit(commit)
  }

  watch(after: StoreRevision, onBatch: (batch: ChangeBatch) => void, onGap: (whole: Snapshot) => void): () => void {
    return this.#parts.replica.watch(after, onBatch, onGap)
  }

  campaign(holder: string, signal: AbortSignal): Promise<Lease> {
    return this.#parts.election.campaign(holder, signal)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const { keeper, replica, committer, trimmer, turns, election } = this.#parts
    election.close(new OperationalError('UNAVAILABLE', 'the lease is lost: the store is closed'))
    // What was taken gets its outcome, unless ZooKeeper cannot be reached: the end of the session settles it then.
    const done = committer.close().then(() => trimmer.idle())
    await within(keeper.clock, this.#patienceMs, done)
    turns.close()
    replica.close()
    await keeper.close()
  }
}

/** Resolves when that is done, or after that time at the latest. */
function within(clock: Clock, ms: Millis, done: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = clock.callAt(clock.now() + ms, resolve)
    done.then(resolve, reject).finally(cancel)
  })
}

function checkedLayout({ root, sessionPath = null }: ZooKeeperOptions): Layout {
  checkPath(root)
  if (sessionPath === null) return new Layout(root)
  checkPath(sessionPath)
  const { head, objects, log, ownElection, turn } = new Layout(root)
  const own = [head, objects, log, ownElection, turn].some((path) => `${sessionPath}/`.startsWith(`${path}/`))
  if (!own && sessionPath !== root) return new Layout(root, sessionPath)
  throw new OperationalError('CONFIG_INVALID', `cannot use "${sessionPath}" as the session path in ZooKeeper`, {
    hint: `the state under ${root} needs it for itself`,
  })
}

function checkPath(path: string): void {
  if (/^(?:\/[A-Za-z0-9._-]*[A-Za-z0-9_-][A-Za-z0-9._-]*)+$/.test(path) && !path.startsWith('/zookeeper')) return
  throw new OperationalError('CONFIG_INVALID', `cannot use "${path}" as a path in ZooKeeper`, {
    hint: 'give a path like /gantry, of letters, digits, dots, dashes and underscores',
  })
}
