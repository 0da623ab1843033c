import { OperationalError } from '../../core/errors.ts'
import type { Millis } from '../../core/model/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import { sleep } from '../../ports/clock.ts'
import type { Lease } from '../../ports/store.ts'
import type { EtcdConnection } from './connection.ts'
import { EtcdFailure } from './failure.ts'
import { HeldLease } from './held-lease.ts'
import type { TxnRequest } from './kv-messages.ts'
import type { Layout } from './layout.ts'
import { afterPrefix } from './layout.ts'
import { TXN, WATCH } from './methods.ts'

const RETRY_PAUSE_MS: Millis = 500

export interface ElectionDeps {
  readonly connection: EtcdConnection
  readonly layout: Layout
  readonly clock: Clock
  readonly leaseTtlSeconds: number
  readonly renewIntervalMs: Millis
}

/** A candidate's place in the queue. */
interface Candidacy {
  readonly lease: HeldLease
  readonly key: string
  /** etcd's revision that made the key: the lowest one holds the lease. */
  readonly createRevision: number
}

/** The queue for the lease: each candidate has a key that dies with its own lease, and waits for the one before it. */
export class Election {
  readonly #deps: ElectionDeps
  readonly #leases = new Set<HeldLease>()
  /** Given up while etcd could not be told. Its keys would stand before everybody's until they run out, and etcd counts anew when it is back. */
  readonly #left = new Set<HeldLease>()
  readonly #closing = new AbortController()

  constructor(deps: ElectionDeps) {
    this.#deps = deps
  }

  /** Resolves when the lease is ours; rejects with the signal's reason. While etcd cannot be reached it tries again. */
  async campaign(holder: string, signal: AbortSignal): Promise<Lease> {
    const called = AbortSignal.any([signal, this.#closing.signal])
    for (;;) {
      called.throwIfAborted()
      let lease: HeldLease | null = null
      try {
        lease = await HeldLease.grant(this.#deps)
        this.#leases.add(lease)
        await this.#giveBack()
        const candidacy = await this.#enter(lease, holder)
        if (await this.#wait(candidacy, AbortSignal.any([called, lease.ended]))) return this.#win(candidacy)
      } catch (error) {
        if (!(error instanceof EtcdFailure) && !called.aborted && lease?.ended.aborted !== true) throw error
      }
      if (lease !== null) this.#giveUp(lease)
      called.throwIfAborted()
      await sleep(this.#deps.clock, RETRY_PAUSE_MS, called)
    }
  }

  /** Takes the leases from those who hold them, and lets others have them at once where etcd can be told. */
  async close(): Promise<void> {
    const reason = new OperationalError('UNAVAILABLE', 'cannot campaign: the store is closed')
    this.#closing.abort(reason)
    const leases = [...this.#leases]
    for (const lease of leases) lease.lose('the store is closed')
    await Promise.all(leases.map((lease) => lease.release()))
  }

  #giveUp(lease: HeldLease): void {
    // Never rejects; nobody has to wait for it.
    void this.#release(lease)
  }

  async #release(lease: HeldLease): Promise<void> {
    this.#leases.delete(lease)
    await lease.release()
    if (!lease.isGone) this.#left.add(lease)
  }

  /** What etcd could not be told when it was given up. */
  async #giveBack(): Promise<void> {
    const left = [...this.#left]
    await Promise.all(left.map((lease) => lease.revoke()))
    for (const lease of left) if (lease.isGone) this.#left.delete(lease)
  }

  #win(candidacy: Candidacy): Lease {
    const { lease } = candidacy
    // Ends with the lease.
    void this.#guard(candidacy)
    return { lost: lease.lost, release: () => this.#release(lease) }
  }

  async #enter(lease: HeldLease, holder: string): Promise<Candidacy> {
    const { connection, layout } = this.#deps
    const key = layout.election + BigInt.asUintN(64, lease.id).toString(16).padStart(16, '0')
    const answer = await connection.ask(TXN, {
      compare: [{ key, target: 'create', revision: 0 }],
      success: [{ kind: 'put', key, value: holder, lease: lease.id }],
      // The answer to the same request was lost before.
      failure: [{ kind: 'range', range: { key } }],
    })
    const createRevision = answer.succeeded ? answer.revision : (answer.ranges[0]?.kvs[0]?.createRevision ?? 0)
    return { lease, key, createRevision }
  }

  /** True when nobody is before us; false when our own key is gone. */
  async #wait({ key, createRevision }: Candidacy, signal: AbortSignal): Promise<boolean> {
    const { connection, layout } = this.#deps
    const before = {
      key: layout.election,
      rangeEnd: afterPrefix(layout.election),
      limit: 1,
      keysOnly: true,
      newestCreatedFirst: true,
      maxCreateRevision: createRevision - 1,
    }
    const look: TxnRequest = {
      compare: [{ key, target: 'create', revision: createRevision }],
      success: [{ kind: 'range', range: before }],
      failure: [],
    }
    for (;;) {
      signal.throwIfAborted()
      const answer = await connection.ask(TXN, look)
      signal.throwIfAborted()
      if (!answer.succeeded) return false
      const predecessor = answer.ranges[0]?.kvs[0]
      if (predecessor === undefined) return true
      await this.#deleted(predecessor.key, answer.revision + 1, signal)
    }
  }

  /** Whoever holds the lease loses it when its key is deleted by hand. */
  async #guard({ lease, key, createRevision }: Candidacy): Promise<void> {
    const { connection, clock } = this.#deps
    const look: TxnRequest = {
      compare: [{ key, target: 'create', revision: createRevision }],
      success: [],
      failure: [],
    }
    while (!lease.ended.aborted) {
      try {
        const answer = await connection.ask(TXN, look)
        if (!answer.succeeded) return lease.lose('its key was deleted')
        await this.#deleted(key, answer.revision + 1, lease.ended)
      } catch (error) {
        if (!(error instanceof EtcdFailure) && !lease.ended.aborted) throw error
        // Rejects when the lease has ended, which the loop sees too.
        await sleep(clock, RETRY_PAUSE_MS, lease.ended).catch(() => undefined)
      }
    }
  }

  /** Resolves when the key is deleted, or may have been; rejects when the watch breaks or the signal aborts. */
  async #deleted(key: string, startRevision: number, signal: AbortSignal): Promise<void> {
    const stream = await this.#deps.connection.open(WATCH, { key, startRevision })
    const onAbort = (): void => stream.end()
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    try {
      for await (const { events, canceled } of stream.answers) {
        if (canceled || events.some(({ kind }) => kind === 'delete')) return
      }
      signal.throwIfAborted()
    } finally {
      signal.removeEventListener('abort', onAbort)
      stream.end()
    }
  }
}
