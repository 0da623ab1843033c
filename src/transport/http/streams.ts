import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Event } from '../../core/model/event.ts'
import type { Log } from '../../ports/log.ts'
import { asOperational, errorAnswer } from './error-answer.ts'

/** A proxy or client that hears nothing this long thinks that the stream is dead. */
const HEARTBEAT_MS = 15_000

export interface StreamContext {
  readonly requestId: string
  readonly log: Log
  /** Aborts the source when the client is gone. */
  readonly gone: AbortController
}

/** Sends one JSON value a line. Waits for a slow reader; an error becomes a last line `{error}`. */
export async function sendLines(
  response: ServerResponse,
  items: AsyncIterable<unknown>,
  context: StreamContext,
): Promise<void> {
  begin(response, 'application/x-ndjson')
  await send(
    response,
    encode(items, (item) => `${JSON.stringify(item)}\n`, lineOf, context),
    context,
  )
}

/** Sends events that a client can resume after their id. An error becomes a last event of kind `error`. */
export function sendEvents(
  response: ServerResponse,
  events: AsyncIterable<Event>,
  context: StreamContext,
): Promise<void> {
  const textOf = (event: Event): string => `id: ${event.id}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`
  return sendServerSent(response, events, textOf, context)
}

/** Sends values as server-sent events without ids. An error becomes a last event of kind `error`. */
export function sendPulses(
  response: ServerResponse,
  values: AsyncIterable<unknown>,
  context: StreamContext,
): Promise<void> {
  return sendServerSent(response, values, (value) => `data: ${JSON.stringify(value)}\n\n`, context)
}

async function sendServerSent<T>(
  response: ServerResponse,
  items: AsyncIterable<T>,
  textOf: (item: T) => string,
  context: StreamContext,
): Promise<void> {
  begin(response, 'text/event-stream')
  response.write('retry: 1000\n\n')
  const heartbeat = setInterval(() => {
    if (!response.writableNeedDrain) response.write(':\n\n')
  }, HEARTBEAT_MS)
  const errorOf = (error: object): string => `event: error\ndata: ${JSON.stringify(error)}\n\n`
  try {
    await send(response, encode(items, textOf, errorOf, context), context)
  } finally {
    clearInterval(heartbeat)
  }
}

function begin(response: ServerResponse, type: string): void {
  response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
  response.flushHeaders()
}

async function send(response: ServerResponse, text: AsyncGenerator<string>, context: StreamContext): Promise<void> {
  response.once('close', () => context.gone.abort(new Error('the client is gone')))
  await pipeline(Readable.from(text, { objectMode: false }), response).catch((error: unknown) => {
    // The client left, which is how most of these streams end.
    context.log.debug('stream ended early', { requestId: context.requestId, error: String(error) })
  })
}

function lineOf(error: object): string {
  return `${JSON.stringify(error)}\n`
}

async function* encode<T>(
  items: AsyncIterable<T>,
  textOf: (item: T) => string,
  errorOf: (error: object) => string,
  { requestId, log, gone }: StreamContext,
): AsyncGenerator<string> {
  try {
    for await (const item of items) yield textOf(item)
  } catch (error) {
    if (gone.signal.aborted) return
    if (asOperational(error) === null) log.error('fault in a stream', { requestId, error: String(error) })
    yield errorOf(errorAnswer(error, requestId))
  }
}
