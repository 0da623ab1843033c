import { OperationalError } from '../../core/errors.ts'
import type { Millis, StoreRevision } from '../../core/model/ids.ts'
import { groupBy } from '../../lib/collections.ts'
import type { Clock } from '../../ports/clock.ts'
import { sleep } from '../../ports/clock.ts'
import type { ChangeBatch } from '../../ports/store.ts'
import type { EtcdConnection, EtcdStream } from './connection.ts'
import { EtcdFailure } from './failure.ts'
import type { Layout } from './layout.ts'
import { decodeHead, decodeObject } from './layout.ts'
import { listState } from './listing.ts'
import { WATCH } from './methods.ts'
import type { Replica, Written } from './replica.ts'
import type { WatchAnswer, WatchEvent } from './watch-messages.ts'

const RETRY_PAUSE_MS: Millis = 100
const LONG_PAUSE_MS: Millis = 1_000

interface FeedDeps {
  readonly connection: EtcdConnection
  readonly layout: Layout
  readonly replica: Replica
  readonly clock: Clock
}

/**
 * Follows the state in etcd and moves the replica. A broken watch goes on after the last transaction that was seen
 * whole; where etcd has forgotten what follows it, the whole state is read instead.
 */
export class Feed {
  readonly #deps: FeedDeps
  readonly #stop = new AbortController()
  #stream: EtcdStream<WatchAnswer> | null = null
  #done: Promise<void> = Promise.resolve()

  constructor(deps: FeedDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#done = this.#run()
  }

  /** Reads the whole state anew: what etcd answered cannot be squared with what is known. */
  restart(): void {
    const { replica, layout } = this.#deps
    const why = `cannot use the store: something else wrote under ${layout.namespace} in etcd`
    if (replica.failure === null) replica.fail(new OperationalError('UNAVAILABLE', why))
    this.#stream?.giveUp()
  }

  /** The promise resolves when nothing of it runs any more, at the latest when the connection is closed too. */
  stop(): Promise<void> {
    this.#stop.abort(new Error('the feed has stopped'))
    this.#stream?.end()
    return this.#done
  }

  async #run(): Promise<void> {
    const { clock, replica } = this.#deps
    const { signal } = this.#stop
    while (!signal.aborted) {
      let pauseMs = RETRY_PAUSE_MS
      try {
        if (replica.failure !== null) await this.#resync()
        await this.#follow()
      } catch (error) {
        if (error instanceof OperationalError) {
          replica.fail(new OperationalError('UNAVAILABLE', error.message, { hint: error.hint, cause: error }))
          pauseMs = LONG_PAUSE_MS
        } else if (!(error instanceof EtcdFailure)) throw error
      }
      // Rejects when it is stopped, which the loop sees too.
      await sleep(clock, pauseMs, signal).catch(() => undefined)
    }
  }

  /** Returns when the watch has to begin anew; throws when it broke. */
  async #follow(): Promise<void> {
    const { connection, layout, replica } = this.#deps
    const stream = await connection.open(WATCH, { ...layout.state, startRevision: replica.cursor + 1 })
    this.#stream = stream
    if (this.#stop.signal.aborted) return stream.end()
    let events: WatchEvent[] = []
    for await (const answer of stream.answers) {
      if (answer.canceled) return this.#canceled(answer)
      // A member that lags behind, or a state that was put back: reading tells.
      if (answer.created && answer.revision < replica.cursor) await this.#requireNotBack()
      if (answer.created) continue
      events.push(...answer.events)
      if (answer.fragment) continue
      // An answer without events says how far an idle watch is; one with events may have more of them behind it.
      if (events.length === 0) replica.seenUpTo(answer.revision)
      if (!this.#take(events)) return this.#resync()
      events = []
    }
  }

  async #canceled(answer: WatchAnswer): Promise<void> {
    if (answer.compactRevision > 0) return this.#resync()
    // No permission: the token may have run out.
    this.#deps.connection.forgetToken()
    throw new EtcdFailure('doubtful', answer.cancelReason)
  }

  /** False: something else wrote here, or something is missing. */
  #take(events: readonly WatchEvent[]): boolean {
    const { layout, replica } = this.#deps
    for (const [mod, group] of groupBy(events, ({ kv }) => kv.modRevision)) {
      // Our own transaction, whose answer was faster.
      if (mod <= replica.mod) continue
      const written = toWritten(layout, mod, group)
      if (written === null || written.batches[0]?.revision !== replica.revision + 1) return false
      replica.take(written)
    }
    return true
  }

  async #resync(): Promise<void> {
    const { connection, layout, replica } = this.#deps
    const listing = await listState(connection, layout)
    requireSameState(replica, listing.head)
    // Our own transactions go on meanwhile; what is older than they are is no news.
    if (listing.headMod < replica.mod) throw new EtcdFailure('doubtful', 'the state moved while it was read')
    replica.reset(listing)
  }

  async #requireNotBack(): Promise<void> {
    const { connection, layout, replica } = this.#deps
    const { head } = await listState(connection, layout)
    requireSameState(replica, head)
  }
}

function requireSameState(replica: Replica, head: { readonly store: string; readonly revision: StoreRevision }): void {
  if (head.store !== replica.store) {
    throw new OperationalError(
      'STATE_REGRESSION',
      'cannot use the store: the state in etcd was replaced by another one',
    )
  }
  if (head.revision < replica.revision) {
    throw new OperationalError(
      'STATE_REGRESSION',
      `cannot use the store: the state in etcd went back from revision ${replica.revision} to ${head.revision}`,
    )
  }
}

/** The commits of one transaction; null: it is none of ours. */
function toWritten(layout: Layout, mod: number, events: readonly WatchEvent[]): Written | null {
  const headEvent = events.find(({ kv }) => kv.key === layout.head)
  if (headEvent === undefined || headEvent.kind === 'delete') return null
  const { first, revision, deleted, writer, turn } = decodeHead(layout, headEvent.kv.value)
  const batches = new Map<StoreRevision, ChangeBatch['changes'][number][]>()
  for (let each = first; each <= revision; each++) batches.set(each, [])
  for (const { kind, kv } of events) {
    if (kv.key === layout.head) continue
    const key = layout.objectOf(kv.key)
    if (key === null) return null
    const object = kind === 'put' ? decodeObject(kv.value) : null
    const changes = batches.get((kind === 'put' ? object?.revision : deleted[key]) ?? 0)
    if (changes === undefined) return null
    changes.push({ key, value: object?.value ?? null })
  }
  return { mod, writer, turn, batches: [...batches].map(([each, changes]) => ({ revision: each, changes })) }
}
