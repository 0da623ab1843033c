import type { IncomingMessage } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import type { EventQuery } from '../../control/api.ts'
import { OperationalError } from '../../core/errors.ts'
import type { Event } from '../../core/model/event.ts'
import type { Connection, Target } from './connection.ts'
import { answerError } from './failures.ts'
import { linesOf } from './lines.ts'

/** Pauses before the stream is asked for again, while no event comes in between. About what a restart takes. */
const PAUSES_MS = [100, 300, 1_000, 2_000, 4_000]

/** Events as they happen. A broken connection is opened again after the last one seen, so none is missed or repeated. */
export async function* watchEvents(
  connection: Connection,
  query: EventQuery,
  signal: AbortSignal,
): AsyncGenerator<Event, void, undefined> {
  let after = query.after
  let limit = query.limit
  let began = false
  for (let tries = 0; !signal.aborted; ) {
    try {
      const response = await open(connection, { ...query, after, limit }, signal)
      began = true
      for await (const event of eventsOf(response, connection.target, signal)) {
        after = event.id
        limit = null
        tries = 0
        yield event
      }
    } catch (error) {
      if (signal.aborted) return
      const wait = PAUSES_MS[tries]
      if (!began || wait === undefined || !isBroken(error)) throw error
    }
    await pause(PAUSES_MS[tries++] ?? 0, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
  }
}

function isBroken(error: unknown): boolean {
  return error instanceof OperationalError && error.code === 'UNAVAILABLE'
}

function open(connection: Connection, query: EventQuery, signal: AbortSignal): Promise<IncomingMessage> {
  const headers = { accept: 'text/event-stream' }
  return connection.stream('/events', { ...query, follow: true }, { signal, headers })
}

async function* eventsOf(response: IncomingMessage, target: Target, signal: AbortSignal): AsyncGenerator<Event> {
  let kind = ''
  let text = ''
  for await (const line of linesOf(response, signal)) {
    if (line.startsWith('event: ')) kind = line.slice('event: '.length)
    else if (line.startsWith('data: ')) text += line.slice('data: '.length)
    else if (line === '' && text !== '') {
      const value: unknown = JSON.parse(text)
      if (kind === 'error') throw answerError(target, 200, value)
      yield value as Event
      kind = ''
      text = ''
    }
  }
}
