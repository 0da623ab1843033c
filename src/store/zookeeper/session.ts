import { OperationalError } from '../../core/errors.ts'
import type { Millis } from '../../core/model/ids.ts'
import { networkFailureIn } from '../../lib/network-failure.ts'
import type { Rng } from '../../lib/rng.ts'
import type { Clock } from '../../ports/clock.ts'
import { sleep } from '../../ports/clock.ts'
import type { Answer } from './connection.ts'
import { Connection } from './connection.ts'
import type { Endpoint, TlsOptions } from './endpoint.ts'
import { unreachable } from './failures.ts'
import type { JuteWriter } from './jute.ts'
import { CODE, OP } from './protocol.ts'

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1_000

export interface SessionOptions {
  /** At least one. */
  readonly servers: readonly Endpoint[]
  /** Asked for; the server may grant another. */
  readonly timeoutMs: Millis
  readonly tls: TlsOptions | null
  /** `user:password`, or null. */
  readonly digest: string | null
  readonly clock: Clock
  readonly rng: Rng
}

/**
 * One session of ZooKeeper: it outlives connections, and goes on at another server when one fails. Its end is final and
 * told by `ended`: it expired, the server refused the credentials, or it was closed.
 *
 * Watches say no more than "look again". They call once: when the node changed, and also when the connection or the
 * session is gone, because then nobody would tell of a change any more.
 */
export class Session {
  readonly clock: Clock
  readonly #options: SessionOptions
  readonly #ended = new AbortController()
  readonly #watches = new Map<string, Set<() => void>>()
  #connected = Promise.withResolvers<void>()
  #connection: Connection | null = null
  #id = 0n
  #password: Buffer = Buffer.alloc(16)
  #lastZxid = 0n
  #timeoutMs: number
  #answeredAt = 0
  #lastFailure = 'it was not tried yet'

  private constructor(options: SessionOptions) {
    this.clock = options.clock
    this.#options = options
    this.#timeoutMs = options.timeoutMs
  }

  /** Begins to connect, and goes on until the session ends. */
  static begin(options: SessionOptions): Session {
    const session = new Session(options)
    void session.#run()
    return session
  }

  /** Aborts, with the reason, when the session is over. */
  get ended(): AbortSignal {
    return this.#ended.signal
  }

  /** Session timeout in milliseconds, as agreed with the server. */
  get timeoutMs(): number {
    return this.#timeoutMs
  }

  /**
   * Until then, on its own clock, no server lets the session expire. A third of the timeout is left
   * out: servers tell one another only every half tick who is alive, and a tick is at most half a timeout.
   */
  get safeUntil(): Millis {
    return Math.max(this.#answeredAt, this.#connection?.answeredAt ?? 0) + (this.#timeoutMs * 2) / 3
  }

  /**
   * Asks the server; waits for a connection as long as a session timeout. Rejects with UNAVAILABLE when nothing was
   * sent, with OUTCOME_UNKNOWN when the answer is lost.
   */
  async ask(op: number, write: (writer: JuteWriter) => void): Promise<Answer> {
    for (;;) {
      const connection = this.#connection ?? (await this.#nextConnection())
      if (connection === null) continue
      const answer = await connection.ask(op, write)
      if (answer.code === CODE.sessionExpired) this.#end(expired())
      return answer
    }
  }

  /** Calls once when the node may have changed; the question that follows must ask the server to watch. */
  onChange(path: string, call: () => void): void {
    const calls = this.#watches.get(path) ?? new Set()
    this.#watches.set(path, calls.add(call))
  }

  /** Ends the session, at the server too if it can be reached, so that what lives with it goes at once. */
  async close(reason: OperationalError): Promise<void> {
    const connection = this.#connection
    if (connection !== null && !this.ended.aborted) {
      const bye = connection.ask(OP.closeSession, () => undefined)
      // Without an answer the session expires by itself.
      await bye.catch(() => undefined)
    }
    this.#end(reason)
  }

  async #run(): Promise<void> {
    const { servers, rng } = this.#options
    // Each session begins elsewhere, so that not all of them crowd one server.
    const first = rng.below(servers.length)
    for (let tried = 0, failures = 0; !this.ended.aborted; tried++) {
      const endpoint = servers[(first + tried) % servers.length]
      if (endpoint !== undefined && (await this.#useServer(endpoint))) failures = 0
      else failures++
      const rounds = Math.floor(failures / servers.length)
      if (rounds > 0 && failures % servers.length === 0) await this.#pause(rounds)
    }
  }

  /** Returns whether it could be used; then it cannot any more. */
  async #useServer(endpoint: Endpoint): Promise<boolean> {
    let connection: Connection
    try {
      connection = await this.#open(endpoint)
    } catch (error) {
      this.#lastFailure = `${endpoint.host}:${endpoint.port}: ${reasonOf(error)}`
      if (isFinal(error)) this.#end(error)
      return false
    }
    if (connection.session === null) this.#end(expired())
    if (this.ended.aborted) {
      connection.destroy(this.ended.reason as Error)
      return false
    }
    this.#adopt(connection)
    const reason = await connection.closed
    this.#drop(connection)
    this.#lastFailure = `${endpoint.host}:${endpoint.port}: ${reasonOf(reason)}`
    if (isFinal(reason)) this.#end(reason)
    return true
  }

  #open(endpoint: Endpoint): Promise<Connection> {
    const { servers, tls, digest, clock } = this.#options
    return Connection.open({
      endpoint,
      tls,
      digest,
      clock,
      wanted: {
        lastZxid: this.#lastZxid,
        timeoutMs: this.#options.timeoutMs,
        sessionId: this.#id,
        password: this.#password,
      },
      // Every server gets its turn before the session would expire.
      deadlineMs: Math.max(this.#timeoutMs / (2 * servers.length), 200),
      onChange: (path) => this.#changed(path),
    })
  }

  #adopt(connection: Connection): void {
    if (connection.session !== null) {
      this.#id = connection.session.sessionId
      this.#password = connection.session.password
      this.#timeoutMs = connection.session.timeoutMs
    }
    this.#connection = connection
    this.#connected.resolve()
  }

  #drop(connection: Connection): void {
    this.#lastZxid = connection.lastZxid
    this.#answeredAt = Math.max(this.#answeredAt, connection.answeredAt)
    this.#connection = null
    this.#connected = Promise.withResolvers()
    this.#allChanged()
  }

  async #nextConnection(): Promise<Connection | null> {
    const settled = new AbortController()
    const signal = AbortSignal.any([this.ended, settled.signal])
    const late = sleep(this.clock, this.#timeoutMs, signal).then(
      () => true,
      () => false,
    )
    const isLate = await Promise.race([this.#connected.promise.then(() => false), late])
    settled.abort()
    if (this.ended.aborted) throw this.ended.reason
    if (isLate) throw unreachable(this.#lastFailure)
    return this.#connection
  }

  async #pause(rounds: number): Promise<void> {
    const longest = Math.min(FIRST_PAUSE_MS * 2 ** (rounds - 1), LONGEST_PAUSE_MS)
    const ms = longest / 2 + this.#options.rng.below(longest) / 2
    await sleep(this.clock, ms, this.ended).catch(() => undefined)
  }

  #changed(path: string): void {
    const calls = this.#watches.get(path)
    this.#watches.delete(path)
    for (const call of calls ?? []) call()
  }

  #allChanged(): void {
    for (const path of [...this.#watches.keys()]) this.#changed(path)
  }

  #end(reason: Error): void {
    if (this.ended.aborted) return
    this.#ended.abort(reason)
    this.#connection?.destroy(reason)
    this.#allChanged()
  }
}

function expired(): OperationalError {
  return unreachable('the session expired')
}

/** What no other server and no other try would answer differently. */
function isFinal(error: unknown): error is OperationalError {
  return error instanceof OperationalError && error.code !== 'UNAVAILABLE'
}

function reasonOf(error: unknown): string {
  const cause = error instanceof OperationalError ? error.cause : error
  return cause instanceof Error ? (networkFailureIn(cause.message) ?? cause.message) : String(error)
}
