import type { IncomingMessage } from 'node:http'
import { OperationalError } from '../../core/errors.ts'
import { API_PREFIX, IDEMPOTENCY_HEADER } from '../wire.ts'
import { attempt, judgeAnswer, readAll } from './attempt.ts'
import { lostAnswer, refusedConnection } from './failures.ts'
import { type Outgoing, send, type Target } from './send.ts'
import { ServerRounds, type Servers } from './servers.ts'

export type { Target } from './send.ts'
export type { Servers } from './servers.ts'

export type Query = Readonly<Record<string, string | number | boolean | null>>

/** The ways in which the client asks. Paths begin after the version. */
export interface Connection {
  /** The server that was asked last. */
  readonly target: Target
  get<T>(path: string, query?: Query): Promise<T>
  /** A request with a body that changes nothing. */
  post<T>(path: string, body: unknown): Promise<T>
  /** A request that changes something: carries an idempotency key and is repeated once, with the same, if its answer is lost. */
  write<T>(path: string, body: unknown): Promise<T>
  /** A body that comes bit by bit, once the server has begun to answer. */
  stream(path: string, query: Query, options: StreamOptions): Promise<IncomingMessage>
  /** Opens something else at the first server that can be reached. */
  each<T>(open: (target: Target) => Promise<T>): Promise<T>
}

export interface StreamOptions {
  readonly signal: AbortSignal
  readonly headers: Readonly<Record<string, string>>
}

/** The server answers or gives up within 30 s. */
const ANSWER_WITHIN_MS = 35_000

/** Asks the servers in their order: what one has surely not done, the next is asked for. */
export function connectionTo(servers: Servers): Connection {
  const rounds = new ServerRounds(servers)
  return {
    get target() {
      return rounds.target
    },
    get: async <T>(path: string, query: Query = {}) => (await read(rounds, 'GET', pathWith(path, query), null)) as T,
    post: async <T>(path: string, body: unknown) => (await read(rounds, 'POST', pathWith(path, {}), body)) as T,
    write: async <T>(path: string, body: unknown) => (await write(rounds, pathWith(path, {}), body)) as T,
    stream: (path, query, { signal, headers }) => {
      const outgoing = {
        method: 'GET',
        path: pathWith(path, query),
        headers,
        body: null,
        signal,
        timeoutMs: null,
      } as const
      return rounds.each((target) => beginStream(target, outgoing))
    },
    each: (open) => rounds.each(open),
  }
}

function pathWith(path: string, query: Query): string {
  const given = Object.entries(query).flatMap(([name, value]): [string, string][] =>
    value === null ? [] : [[name, String(value)]],
  )
  const text = new URLSearchParams(given).toString()
  return `${API_PREFIX}${path}${text === '' ? '' : `?${text}`}`
}

async function read(rounds: ServerRounds, method: 'GET' | 'POST', path: string, body: unknown): Promise<unknown> {
  const outgoing = { ...encoded(body), method, path, signal: null }
  let failure: OperationalError | null = null
  for await (const target of rounds.tries()) {
    const timed = { ...outgoing, timeoutMs: answerWithin(target) }
    let tried = await attempt(target, timed)
    // A connection that breaks is often one of a server that is there again by now.
    if (tried.kind === 'lost') tried = await attempt(target, timed)
    if (tried.kind === 'answer') return tried.value
    failure = tried.kind === 'passed' ? tried.error : lostAnswer(target, false, tried.cause)
  }
  throw failure
}

function answerWithin(target: Target): number {
  return ('url' in target ? target.timeoutMs : undefined) ?? ANSWER_WITHIN_MS
}

/** Once an answer was lost, whatever hinders the repetition leaves the outcome unknown; there is only one. */
async function write(rounds: ServerRounds, path: string, body: unknown): Promise<unknown> {
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
  let failure: OperationalError | null = null
  for await (const target of rounds.tries()) {
    const tried = await attempt(target, outgoing)
    if (tried.kind === 'answer') return tried.value
    if (tried.kind === 'lost') return repeat(rounds, outgoing, tried.cause)
    failure = tried.error
  }
  throw failure
}

/** Sends a write whose answer was lost once more, with the same key, beginning with the server that it was sent to. */
async function repeat(rounds: ServerRounds, outgoing: Outgoing, lost: unknown): Promise<unknown> {
  let cause = lost
  for await (const target of rounds.tries()) {
    const tried = await attempt(target, outgoing).catch((error: unknown) => unknownUnlessJudged(target, error))
    if (tried.kind === 'answer') return tried.value
    cause = tried.kind === 'lost' ? tried.cause : tried.error
    if (tried.kind === 'lost') break
  }
  throw lostAnswer(rounds.target, true, cause)
}

function unknownUnlessJudged(target: Target, error: unknown): never {
  if (error instanceof OperationalError && error.code !== 'UNAVAILABLE') throw error
  throw lostAnswer(target, true, error)
}

function encoded(body: unknown): Pick<Outgoing, 'headers' | 'body'> {
  if (body === null) return { headers: {}, body: null }
  return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
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
