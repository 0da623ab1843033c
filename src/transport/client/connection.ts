import type { IncomingMessage } from 'node:http'
import { OperationalError } from '../../core/errors.ts'
import { API_PREFIX, IDEMPOTENCY_HEADER } from '../wire.ts'
import { answerError, lostAnswer, refusedConnection } from './failures.ts'
import { type Outgoing, send, type Target } from './send.ts'

export type { Target } from './send.ts'

export type Query = Readonly<Record<string, string | number | boolean | null>>

/** The ways in which the client asks. Paths begin after the version. */
export interface Connection {
  readonly target: Target
  get<T>(path: string, query?: Query): Promise<T>
  /** A request with a body that changes nothing. */
  post<T>(path: string, body: unknown): Promise<T>
  /** A request that changes something: carries an idempotency key and is repeated once, with the same, if its answer is lost. */
  write<T>(path: string, body: unknown): Promise<T>
  /** A body that comes bit by bit, once the server has begun to answer. */
  stream(path: string, query: Query, options: StreamOptions): Promise<IncomingMessage>
}

export interface StreamOptions {
  readonly signal: AbortSignal
  readonly headers: Readonly<Record<string, string>>
}

/** Larger answers are refused rather than kept in memory. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024
/** The server answers or gives up within 30 s. */
const ANSWER_WITHIN_MS = 35_000

export function connectionTo(target: Target): Connection {
  const ask = async <T>(request: Request): Promise<T> => (await request.run(target)) as T
  return {
    target,
    get: (path, query = {}) => ask(reading('GET', pathWith(path, query), null)),
    post: (path, body) => ask(reading('POST', pathWith(path, {}), body)),
    write: (path, body) => ask(writing(pathWith(path, {}), body)),
    stream: (path, query, { signal, headers }) =>
      beginStream(target, { method: 'GET', path: pathWith(path, query), headers, body: null, signal, timeoutMs: null }),
  }
}

function pathWith(path: string, query: Query): string {
  const given = Object.entries(query).flatMap(([name, value]): [string, string][] =>
    value === null ? [] : [[name, String(value)]],
  )
  const text = new URLSearchParams(given).toString()
  return `${API_PREFIX}${path}${text === '' ? '' : `?${text}`}`
}

interface Request {
  run(target: Target): Promise<unknown>
}

function reading(method: 'GET' | 'POST', path: string, body: unknown): Request {
  const outgoing = { ...encoded(body), method, path, signal: null, timeoutMs: ANSWER_WITHIN_MS }
  return {
    run: async (target) => {
      const first = await attempt(target, outgoing)
      if (first.kind === 'answer') return first.value
      const second = await attempt(target, outgoing)
      if (second.kind === 'answer') return second.value
      throw lostAnswer(target, false, second.cause)
    },
  }
}

function writing(path: string, body: unknown): Request {
  const { headers, body: bytes } = encoded(body)
  const keyed = { ...headers, [IDEMPOTENCY_HEADER]: crypto.randomUUID() }
  const outgoing: Outgoing = {
    method: 'POST',
    path,
    headers: keyed,
    body: bytes,
    signal: null,
    timeoutMs: ANSWER_WITHIN_MS,
  }
  return {
    run: async (target) => {
      const first = await attemptWrite(target, outgoing)
      if (first.kind === 'answer') return first.value
      // The first try may have happened, so whatever hinders the second leaves the outcome unknown.
      const second = await attemptWrite(target, outgoing).catch((error: unknown) => unknownUnlessJudged(target, error))
      if (second.kind === 'answer') return second.value
      throw lostAnswer(target, true, second.cause)
    },
  }
}

function unknownUnlessJudged(target: Target, error: unknown): never {
  if (error instanceof OperationalError && error.code !== 'UNAVAILABLE') throw error
  throw lostAnswer(target, true, error)
}

function encoded(body: unknown): Pick<Outgoing, 'headers' | 'body'> {
  if (body === null) return { headers: {}, body: null }
  return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
}

type Attempt = { readonly kind: 'answer'; readonly value: unknown } | { readonly kind: 'lost'; readonly cause: unknown }

/** A write whose outcome the server itself does not know counts as lost: the key makes it safe to ask again. */
async function attemptWrite(target: Target, outgoing: Outgoing): Promise<Attempt> {
  try {
    return await attempt(target, outgoing)
  } catch (error) {
    if (error instanceof OperationalError && error.traits.retry === 'same-key') return { kind: 'lost', cause: error }
    throw error
  }
}

async function attempt(target: Target, outgoing: Outgoing): Promise<Attempt> {
  const sent = await send(target, outgoing)
  if (sent.kind === 'refused') throw refusedConnection(target, sent.cause)
  if (sent.kind === 'lost') return sent
  const { response } = sent
  const text = await readAll(response).catch((error: unknown) => {
    if (error instanceof OperationalError) throw error
    return { lost: error }
  })
  if (typeof text !== 'string') return { kind: 'lost', cause: text.lost }
  return { kind: 'answer', value: judgeAnswer(target, response.statusCode ?? 0, text) }
}

function judgeAnswer(target: Target, status: number, text: string): unknown {
  let value: unknown
  try {
    value = text === '' ? null : JSON.parse(text)
  } catch (cause) {
    throw new OperationalError('UNAVAILABLE', `what answers there is not Gantry (HTTP ${status}, no JSON)`, { cause })
  }
  if (status >= 200 && status < 300) return value
  throw answerError(target, status, value)
}

async function readAll(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    size += part.length
    if (size > MAX_ANSWER_BYTES) throw new OperationalError('LIMIT_EXCEEDED', 'the answer is larger than 64 MiB')
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

async function beginStream(target: Target, outgoing: Outgoing): Promise<IncomingMessage> {
  const sent = await send(target, outgoing)
  if (sent.kind === 'refused') throw refusedConnection(target, sent.cause)
  if (sent.kind === 'lost') throw lostAnswer(target, false, sent.cause)
  const { response } = sent
  if (response.statusCode === 200) return response
  const text = await readAll(response)
  judgeAnswer(target, response.statusCode ?? 0, text)
  throw new OperationalError('UNAVAILABLE', `the server answered HTTP ${response.statusCode} to a request for a stream`)
}
