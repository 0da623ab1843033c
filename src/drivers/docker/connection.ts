import { Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { OperationalError } from '../../core/errors.ts'
import { type EngineAddress, printEngineAddress } from './address.ts'
import { connectionFailure, garbled, refusal } from './errors.ts'
import { negotiateVersion } from './version.ts'

export interface EngineRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Below the version prefix; parts that are not ours are encoded already. */
  readonly path: string
  /** What it is for, in an error message: `start container web.1.1`. */
  readonly doing: string
  readonly query?: Readonly<Record<string, string | number>>
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Statuses from 400 on that the caller deals with itself. */
  readonly accept?: readonly number[]
  /** How long an answer may take; for a stream, its head. Default 60 s; null: as long as it takes. */
  readonly timeoutMs?: number | null
  readonly signal?: AbortSignal
}

export interface EngineAnswer {
  readonly status: number
  /** Decoded JSON; null when the answer has no body. */
  readonly body: unknown
}

const TIMEOUT_MS = 60_000
// A list of some thousand containers is a few MiB.
const MOST_ANSWER_BYTES = 64 * 1024 * 1024
// More calls in flight than this do not make an engine faster.
const MOST_SOCKETS = 32

/**
 * Speaks with one Docker Engine, or what speaks its API. Calls share kept-alive connections; each stream has its own.
 *
 * Throws OperationalErrors: UNAVAILABLE when there is no answer or a garbled one, TIMEOUT, and what refusals translate
 * to; or the reason of an aborted signal.
 */
export class EngineConnection {
  readonly address: string
  readonly #target: { readonly socketPath: string } | { readonly host: string; readonly port: number }
  readonly #agent = new Agent({ keepAlive: true, maxSockets: MOST_SOCKETS })
  #prefix: Promise<string> | null = null

  constructor(address: EngineAddress) {
    this.address = printEngineAddress(address)
    this.#target = address.kind === 'socket' ? { socketPath: address.path } : { host: address.host, port: address.port }
  }

  /** Asks once and reads the whole answer. */
  async call(request: EngineRequest): Promise<EngineAnswer> {
    return this.#exchange(request, await this.#versioned(request))
  }

  /** Asks and returns the answer's body as it comes, on a connection of its own that ends with the body's destruction. */
  async stream(request: EngineRequest): Promise<IncomingMessage> {
    const response = await this.#send(request, await this.#versioned(request), false)
    if ((response.statusCode ?? 0) >= 400) throw this.#refused(request, response, await this.#text(request, response))
    return response
  }

  /** Asks and takes over the connection. `head` is what came with the answer. */
  async hijack(request: EngineRequest): Promise<{ readonly socket: Duplex; readonly head: Buffer }> {
    const headers = { ...request.headers, Connection: 'Upgrade', Upgrade: 'tcp' }
    const outcome = await this.#request({ ...request, headers }, await this.#versioned(request), false)
    if ('socket' in outcome) return outcome
    const { response } = outcome
    const text = await this.#text(request, response)
    if ((response.statusCode ?? 0) >= 400) throw this.#refused(request, response, text)
    throw garbled(request.doing, 'keeps the connection to itself')
  }

  /** Forgets which version the engine speaks: it may be another one after it was away. */
  renegotiate(): void {
    this.#prefix = null
  }

  close(): void {
    this.#agent.destroy()
  }

  async #versioned(request: EngineRequest): Promise<string> {
    this.#prefix ??= this.#negotiate()
    const prefix = this.#prefix
    try {
      return `${await prefix}${request.path}`
    } catch (error) {
      if (this.#prefix === prefix) this.#prefix = null
      throw error
    }
  }

  async #negotiate(): Promise<string> {
    const request = { method: 'GET', path: '/version', doing: 'ask for the version' } as const
    const { body } = await this.#exchange(request, request.path)
    return `/v${negotiateVersion(body)}`
  }

  async #exchange(request: EngineRequest, path: string): Promise<EngineAnswer> {
    const response = await this.#send(request, path, true)
    const text = await this.#text(request, response)
    const status = response.statusCode ?? 0
    if (status >= 400 && !request.accept?.includes(status)) throw this.#refused(request, response, text)
    if (text === '') return { status, body: null }
    try {
      return { status, body: JSON.parse(text) }
    } catch (error) {
      throw garbled(request.doing, 'is not JSON', error)
    }
  }

  async #send(request: EngineRequest, path: string, pooled: boolean): Promise<IncomingMessage> {
    const outcome = await this.#request(request, path, pooled)
    if ('response' in outcome) return outcome.response
    outcome.socket.destroy()
    throw garbled(request.doing, 'takes over the connection')
  }

  async #request(request: EngineRequest, path: string, pooled: boolean): Promise<Outcome> {
    const body = request.body === undefined ? null : Buffer.from(JSON.stringify(request.body))
    const sent = httpRequest({
      ...this.#target,
      method: request.method,
      path: path + queryText(request.query),
      agent: pooled ? this.#agent : false,
      headers: {
        Host: 'engine',
        ...(body === null ? {} : { 'Content-Type': 'application/json' }),
        'Content-Length': body?.length ?? 0,
        ...request.headers,
      },
    })
    try {
      return await outcomeOf(sent, request, body)
    } catch (error) {
      if (request.signal?.aborted) throw request.signal.reason
      // An idle connection that the engine has closed meanwhile. Every call may be repeated, see Runtime.
      if (pooled && sent.reusedSocket && isReset(error)) return this.#request(request, path, false)
      throw connectionFailure(error, request.doing, this.address)
    }
  }

  async #text(request: EngineRequest, response: IncomingMessage): Promise<string> {
    const chunks: Buffer[] = []
    let length = 0
    // Once the head is here the body follows at once, or the engine is stuck.
    const timeoutMs = request.timeoutMs ?? TIMEOUT_MS
    const watchdog = setTimeout(() => response.destroy(tooSlow(request, timeoutMs)), timeoutMs)
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        length += chunk.length
        if (length > MOST_ANSWER_BYTES) throw garbled(request.doing, 'is longer than any answer should be')
        chunks.push(chunk)
      }
    } catch (error) {
      if (request.signal?.aborted) throw request.signal.reason
      throw connectionFailure(error, request.doing, this.address)
    } finally {
      clearTimeout(watchdog)
    }
    return Buffer.concat(chunks).toString('utf8')
  }

  #refused(request: EngineRequest, response: IncomingMessage, text: string): OperationalError {
    return refusal(response.statusCode ?? 0, errorMessage(text), request.doing)
  }
}

type Outcome = { readonly response: IncomingMessage } | { readonly socket: Duplex; readonly head: Buffer }

function outcomeOf(sent: ClientRequest, request: EngineRequest, body: Buffer | null): Promise<Outcome> {
  const { signal, timeoutMs = TIMEOUT_MS } = request
  return new Promise<Outcome>((resolve, reject) => {
    const watchdog = timeoutMs === null ? null : setTimeout(() => sent.destroy(tooSlow(request, timeoutMs)), timeoutMs)
    const settle = <T>(next: (value: T) => void, value: T): void => {
      if (watchdog !== null) clearTimeout(watchdog)
      next(value)
    }
    const abort = (): void => void sent.destroy(signal?.reason as Error)
    // Stays until the connection ends, so that an abort also ends a stream.
    signal?.addEventListener('abort', abort, { once: true })
    sent.once('close', () => signal?.removeEventListener('abort', abort))
    sent.once('response', (response) => settle(resolve, { response }))
    sent.once('upgrade', (_response, socket, head) => settle(resolve, { socket, head }))
    sent.on('error', (error) => settle(reject, error))
    if (signal?.aborted) return abort()
    sent.end(body ?? undefined)
  })
}

function tooSlow(request: EngineRequest, timeoutMs: number): OperationalError {
  return new OperationalError('TIMEOUT', `cannot ${request.doing}: the engine took longer than ${timeoutMs / 1000} s`)
}

function isReset(error: unknown): boolean {
  const code = (error as { code?: string }).code
  return code === 'ECONNRESET' || code === 'EPIPE'
}

function queryText(query: EngineRequest['query']): string {
  if (query === undefined) return ''
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) parameters.set(name, String(value))
  return `?${parameters}`
}

/** Engines answer `{"message": "..."}`; proxies in front of them answer as they like. */
function errorMessage(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown }
    return typeof message === 'string' ? message : text
  } catch (error) {
    if (error instanceof SyntaxError) return text.slice(0, 500)
    throw error
  }
}
