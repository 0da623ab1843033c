import { OperationalError } from '../../core/errors.ts'
import type { Millis } from '../../core/model/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import { sleep } from '../../ports/clock.ts'
import type { Lease } from '../../ports/store.ts'
import type { EtcdConnection } from './connection.ts'
import { EtcdFailure } from './failure.ts'
import { LEASE_GRANT, LEASE_KEEP_ALIVE, LEASE_REVOKE } from './methods.ts'

const RETRY_PAUSE_MS: Millis = 200

export interface HeldLeaseDeps {
  readonly connection: EtcdConnection
  readonly clock: Clock
  readonly leaseTtlSeconds: number
  /** Time between two renewals. */
  readonly renewIntervalMs: Millis
}

/** Part of the time to live by which we give it up earlier than etcd does. */
const MARGIN = 0.1
const LONGEST_MARGIN_MS: Millis = 1_000

/**
 * A lease of etcd that is kept alive. Whether it lives is counted here, from the moment at which the last renewal that
 * etcd confirmed was sent: etcd counts from later, so it is lost here before anybody else can have it.
 */
export class HeldLease implements Lease {
  readonly id: bigint
  readonly #connection: EtcdConnection
  readonly #clock: Clock
  readonly #lost = new AbortController()
  readonly #ended = new AbortController()
  readonly #ttlMs: Millis
  readonly #renewIntervalMs: Millis
  #expiresAt: Millis
  #cancelExpiry: () => void = () => undefined
  #releasing: Promise<void> | null = null
  #isGone = false

  private constructor(deps: HeldLeaseDeps, id: bigint, ttlMs: Millis, sentAt: Millis) {
    this.#connection = deps.connection
    this.#clock = deps.clock
    this.id = id
    this.#ttlMs = ttlMs
    // Late renewals must leave time for another try.
    this.#renewIntervalMs = Math.min(deps.renewIntervalMs, ttlMs / 2)
    this.#expiresAt = sentAt
  }

  /** Throws an EtcdFailure. etcd may grant a longer time than wished. */
  static async grant(deps: HeldLeaseDeps): Promise<HeldLease> {
    const { connection, clock, leaseTtlSeconds } = deps
    const sentAt = clock.now()
    const answer = await connection.attempt(LEASE_GRANT, leaseTtlSeconds, connection.deadline())
    const lease = new HeldLease(deps, answer.id, answer.ttlSeconds * 1_000, sentAt)
    lease.#extend(sentAt)
    // Ends with the lease; it deals with every failure of etcd itself.
    void lease.#keepAlive()
    return lease
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** Aborts when the lease is lost, released or closed: there is nothing more to do for it. */
  get ended(): AbortSignal {
    return this.#ended.signal
  }

  lose(why: string): void {
    this.#end()
    this.#lost.abort(new OperationalError('UNAVAILABLE', `the lease is lost: ${why}`))
  }

  /** Whether etcd is known to have it no more. */
  get isGone(): boolean {
    return this.#isGone
  }

  /** Gives it back, so that the next one need not wait for its end. Never rejects. */
  release(): Promise<void> {
    this.#releasing ??= this.revoke()
    return this.#releasing
  }

  /** Ends it here, and in etcd where that answers in time: see `isGone`. Never rejects. */
  async revoke(): Promise<void> {
    this.#end()
    const until = Math.min(this.#connection.deadline(), this.#clock.now() + this.#ttlMs)
    try {
      await this.#connection.ask(LEASE_REVOKE, this.id, until)
      this.#isGone = true
    } catch (error) {
      if (!(error instanceof EtcdFailure)) throw error
      // Refused: it has ended. What could not be asked ends by itself.
      this.#isGone = error.kind === 'refused'
    }
  }

  #end(): void {
    this.#cancelExpiry()
    this.#ended.abort(new Error('the lease has ended'))
  }

  #extend(sentAt: Millis): void {
    if (this.#ended.signal.aborted) return
    const marginMs = Math.min(this.#ttlMs * MARGIN, LONGEST_MARGIN_MS)
    this.#expiresAt = sentAt + this.#ttlMs - marginMs
    this.#cancelExpiry()
    this.#cancelExpiry = this.#clock.callAt(this.#expiresAt, () => this.lose('etcd did not confirm it in time'))
  }

  async #keepAlive(): Promise<void> {
    const { signal } = this.#ended
    let pauseMs = this.#renewIntervalMs
    while (!signal.aborted) {
      // Rejects when the lease has ended, which the loop sees too.
      await sleep(this.#clock, pauseMs, signal).catch(() => undefined)
      if (signal.aborted) return
      const sentAt = this.#clock.now()
      try {
        const ttlSeconds = await this.#renew(Math.min(this.#expiresAt, sentAt + this.#ttlMs / 3))
        if (ttlSeconds <= 0) return this.lose('etcd has ended it')
        this.#extend(sentAt)
        pauseMs = this.#renewIntervalMs
      } catch (error) {
        if (!(error instanceof EtcdFailure)) throw error
        pauseMs = RETRY_PAUSE_MS
      }
    }
  }

  async #renew(until: Millis): Promise<number> {
    const stream = await this.#connection.open(LEASE_KEEP_ALIVE, this.id, until)
    const cancel = this.#clock.callAt(until, () => stream.giveUp())
    try {
      for await (const { ttlSeconds } of stream.answers) return ttlSeconds
      throw new EtcdFailure('doubtful', 'the renewal was not answered')
    } finally {
      cancel()
      stream.end()
    }
  }
}
