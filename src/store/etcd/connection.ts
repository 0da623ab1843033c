import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js'
import { connectivityState, Metadata } from '@grpc/grpc-js'
import type { Millis } from '../../core/model/ids.ts'
import { networkFailureIn } from '../../lib/network-failure.ts'
import type { Clock } from '../../ports/clock.ts'
import { sleep } from '../../ports/clock.ts'
import type { Endpoint, TlsText } from './endpoint.ts'
import { makeEndpoint, stateChange } from './endpoint.ts'
import { EtcdFailure, isStaleToken, toFailure } from './failure.ts'
import type { Credentials, Method } from './methods.ts'
import { AUTHENTICATE, RANGE } from './methods.ts'

/** How long a silent endpoint is looked at before the next one gets its turn. */
const CONNECT_STEP_MS = 250
const RETRY_PAUSE_MS = 50

export interface ConnectionOptions {
  /** `host:port`, at least one; all are members of one etcd. */
  readonly endpoints: readonly string[]
  readonly clock: Clock
  /** Bound of one call, with all its attempts. */
  readonly requestTimeoutMs: Millis
  readonly user?: Credentials | null
  readonly tls?: TlsText | null
  /** A call ends as soon as nobody listens; left out: it waits for somebody until its deadline. */
  readonly refusalEnds?: boolean
}

/** A call that stays open, and what it brings. */
export interface EtcdStream<Response> {
  /** Ends with an EtcdFailure when the call breaks, and without one after `end`; to be read once. */
  readonly answers: AsyncIterable<Response>
  end(): void
  /** Ends it with an EtcdFailure: the member at its other side does not answer. */
  giveUp(): void
}

/**
 * Calls to an etcd of one or more members, one member at a time: another one gets its turn when this one cannot be
 * reached or does not answer. Every call ends in time, also when etcd is stopped in its tracks.
 */
export class EtcdConnection {
  readonly #options: ConnectionOptions
  #endpoints: readonly Endpoint[]
  #current = 0
  #token: Promise<string> | null = null
  #closed = false

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#endpoints = options.endpoints.map((address) => makeEndpoint(address, options.tls ?? null))
  }

  /** When a call that begins now has to be over. */
  deadline(): Millis {
    return this.#options.clock.now() + this.#options.requestTimeoutMs
  }

  /** Calls, and calls again while the answer is lost: for what may happen twice. Throws an EtcdFailure. */
  async ask<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    deadlineAt: Millis = this.deadline(),
  ): Promise<Response> {
    for (;;) {
      try {
        return await this.attempt(method, request, deadlineAt)
      } catch (error) {
        const { clock } = this.#options
        const lost = error instanceof EtcdFailure && error.kind === 'doubtful'
        if (!lost || this.#closed || clock.now() >= deadlineAt) throw error
        await sleep(clock, RETRY_PAUSE_MS)
      }
    }
  }

  /** Sends a request once. Throws an EtcdFailure that says whether it can have had an effect. */
  async attempt<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    deadlineAt: Millis,
  ): Promise<Response> {
    const endpoint = await this.#ready(deadlineAt)
    const until = Math.min(deadlineAt, this.#options.clock.now() + this.#attemptMs())
    const token = this.#tokenOf(endpoint, until)
    try {
      return await this.#send(endpoint, method, request, await metadataOf(token), until)
    } catch (error) {
      if (error instanceof EtcdFailure && error.kind === 'doubtful') this.#leave(endpoint)
      if (token === null || !isStaleToken(error)) throw error
      // Others who met the same may have a new one already.
      if (this.#token === token) this.#token = null
      return await this.#send(endpoint, method, request, await metadataOf(this.#tokenOf(endpoint, until)), until)
    }
  }

  /** Opens a call that stays open and sends its one request. Throws an EtcdFailure. */
  async open<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    deadlineAt: Millis = this.deadline(),
  ): Promise<EtcdStream<Response>> {
    const endpoint = await this.#ready(deadlineAt)
    const metadata = await metadataOf(this.#tokenOf(endpoint, deadlineAt))
    // A member that was cut off from the others ends the call instead of falling silent.
    metadata.set('hasleader', 'true')
    if (this.#closed) throw closed()
    const { path, encode, decode } = method
    const call = endpoint.client.makeBidiStreamRequest(path, encode, decode, metadata)
    endpoint.streams.add(call)
    // Whoever reads the answers hears of it; without a listener a call that breaks unread would end the process.
    call.on('error', () => undefined)
    call.write(request)
    let ended = false
    const broken = (error: unknown): unknown => {
      if (ended) return null
      this.#leave(endpoint)
      return error
    }
    const end = (): void => {
      ended = true
      call.cancel()
    }
    return { answers: answersOf(call, endpoint, broken), end, giveUp: () => call.cancel() }
  }

  close(): void {
    this.#closed = true
    for (const { client, streams } of this.#endpoints) {
      for (const stream of streams) stream.cancel()
      client.close()
    }
  }

  /** Shows this certificate from now on. What is open breaks, and goes on over new connections. */
  renew(tls: TlsText): void {
    const { endpoints, clock, requestTimeoutMs } = this.#options
    const before = this.#endpoints
    this.#endpoints = endpoints.map((address) => makeEndpoint(address, tls))
    for (const { streams } of before) for (const stream of streams) stream.cancel()
    // Calls that are under way may still be answered.
    clock.callAt(clock.now() + requestTimeoutMs, () => {
      for (const { client } of before) client.close()
    })
  }

  /** Forgets the token, so that the next call asks for a new one. */
  forgetToken(): void {
    this.#token = null
  }

  /** With several members, one that hangs must leave time for another. */
  #attemptMs(): Millis {
    const { requestTimeoutMs } = this.#options
    return this.#endpoints.length === 1 ? requestTimeoutMs : requestTimeoutMs / 3
  }

  async #ready(deadlineAt: Millis): Promise<Endpoint> {
    const { clock } = this.#options
    for (;;) {
      const endpoint = this.#endpoints[this.#current]
      if (this.#closed || endpoint === undefined) throw closed()
      const channel = endpoint.client.getChannel()
      const before = channel.getConnectivityState(true)
      if (before === connectivityState.READY) return endpoint
      if (clock.now() >= deadlineAt) throw new EtcdFailure('unsent', await this.#whyUnreachable(endpoint))
      await stateChange(channel, before, clock, Math.min(deadlineAt, clock.now() + CONNECT_STEP_MS))
      if (this.#closed) continue
      const now = channel.getConnectivityState(true)
      if (now === connectivityState.TRANSIENT_FAILURE && this.#options.refusalEnds === true)
        throw new EtcdFailure('unsent', `etcd at ${endpoint.address} cannot be reached`)
      if (now === before || now === connectivityState.TRANSIENT_FAILURE) this.#leave(endpoint)
    }
  }

  /** A channel tells why it failed only to those who call; a read of nothing harms nobody. */
  async #whyUnreachable(endpoint: Endpoint): Promise<string> {
    const until = this.#options.clock.now() + CONNECT_STEP_MS
    const why = await this.#send(endpoint, RANGE, { key: '\0' }, new Metadata(), until).then(
      () => 'it did not answer in time',
      (error: Error) => networkFailureIn(error.message) ?? error.message,
    )
    return `etcd at ${endpoint.address} cannot be reached: ${why}`
  }

  /** null: there is no user, so none is needed. */
  #tokenOf(endpoint: Endpoint, until: Millis): Promise<string> | null {
    const { user = null } = this.#options
    if (user === null) return null
    if (this.#token !== null) return this.#token
    const asked = this.#send(endpoint, AUTHENTICATE, user, new Metadata(), until).catch((error: unknown) => {
      if (this.#token === asked) this.#token = null
      // What the token was wanted for never left.
      if (error instanceof EtcdFailure && error.kind === 'doubtful') throw new EtcdFailure('unsent', error.message)
      throw error
    })
    this.#token = asked
    return asked
  }

  #send<Request, Response>(
    endpoint: Endpoint,
    method: Method<Request, Response>,
    request: Request,
    metadata: Metadata,
    until: Millis,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      // gRPC would throw something of its own.
      if (this.#closed) throw closed()
      const { path, encode, decode } = method
      const call = endpoint.client.makeUnaryRequest(path, encode, decode, request, metadata, (error, response) => {
        cancel()
        if (error !== null) reject(toFailure(error))
        else resolve(response as Response)
      })
      // Not the deadline that gRPC offers: it follows the machine's clock when that is set.
      const cancel = this.#options.clock.callAt(until, () => call.cancel())
    })
  }

  /** Turns to the next member, and away from this one with everything that is open there. */
  #leave(endpoint: Endpoint): void {
    if (this.#endpoints.length === 1 || this.#endpoints[this.#current] !== endpoint) return
    this.#current = (this.#current + 1) % this.#endpoints.length
    for (const stream of endpoint.streams) stream.cancel()
  }
}

function closed(): EtcdFailure {
  return new EtcdFailure('unsent', 'the store is closed')
}

async function metadataOf(token: Promise<string> | null): Promise<Metadata> {
  const metadata = new Metadata()
  if (token !== null) metadata.set('token', await token)
  return metadata
}

/** `broken` tells what to throw for a call that broke; null: nothing. */
async function* answersOf<Request, Response>(
  call: ClientDuplexStream<Request, Response>,
  endpoint: Endpoint,
  broken: (error: unknown) => unknown,
): AsyncIterable<Response> {
  try {
    for await (const answer of call) yield answer as Response
    throw new EtcdFailure('doubtful', 'etcd ended the call')
  } catch (error) {
    const cause = broken(error)
    if (cause !== null) throw cause instanceof EtcdFailure ? cause : toFailure(cause as ServiceError)
  } finally {
    endpoint.streams.delete(call)
    call.cancel()
  }
}
