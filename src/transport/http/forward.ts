import { type ClientRequest, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { OperationalError } from '../../core/errors.ts'
import { errorAnswer } from './error-answer.ts'
import { errorForm, failureAnswer } from './error-forms.ts'
import { closeSoon, lastAnswer } from './last-answer.ts'

/** Opens a connection to the server that can answer. Throws UNAVAILABLE. */
export type DialLeader = () => Promise<Duplex>

/** Says who asks, to a server that trusts the one that passes the request on. */
export const ASKED_BY_HEADER = 'gantry-asked-by'

/** Says which server was asked, to the one that answers instead of it. */
export const ASKED_AT_HEADER = 'gantry-asked-at'

/** What is to become of a request that is passed on. */
export interface Passing {
  /** Who asks. */
  readonly by: string
  /** Name of the server that was asked. */
  readonly at: string
  readonly dial: DialLeader
  readonly requestId: string
  /** Answers it here, where that can be done without the leader; null: it cannot. */
  readonly otherwise: (() => void) | null
}

/** Passes a request on to the leader, and its answer back. */
export async function forwardRequest(
  request: IncomingMessage,
  response: ServerResponse,
  { by, at, dial, requestId, otherwise }: Passing,
): Promise<void> {
  // From the moment that the leader may have it, a change may have been made.
  let sent = false
  const fail = (error: unknown): void => {
    if (response.headersSent) {
      response.destroy()
      return
    }
    const failure = sent && request.method !== 'GET' ? lost(error) : notPassedOn(error)
    const answer = errorAnswer(failure, requestId)
    const { status, body } = failureAnswer(errorForm(undefined, request.url ?? ''), answer)
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' })
    response.end(JSON.stringify(body))
  }
  try {
    const socket = await dial()
    // Whoever asked may have left meanwhile, without the leader having heard of it.
    if (response.closed) {
      socket.destroy()
      return
    }
    sent = true
    const onward = passOn(request, { by, at }, socket)
    onward.once('error', fail)
    onward.once('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
      answer.once('error', () => response.destroy())
    })
    response.once('close', () => onward.destroy())
    request.pipe(onward)
  } catch (error) {
    if (otherwise === null) fail(error)
    else otherwise()
  }
}

/** Passes on a request that becomes a connection of its own. */
export async function forwardUpgrade(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  { by, at, dial, requestId }: Omit<Passing, 'otherwise'>,
): Promise<void> {
  try {
    const leader = await dial()
    if (socket.closed) {
      leader.destroy()
      return
    }
    const onward = passOn(request, { by, at }, leader)
    onward.once('error', () => socket.destroy())
    socket.once('close', () => onward.destroy())
    onward.once('response', (answer) => {
      // It was refused: the answer is all there is.
      socket.write(headOf(answer))
      answer.pipe(socket)
      answer.once('close', () => closeSoon(socket))
    })
    onward.once('upgrade', (answer, other, rest) => {
      socket.write(headOf(answer))
      socket.write(rest)
      other.write(head)
      other.pipe(socket)
      socket.pipe(other)
      for (const [from, to] of [
        [socket, other],
        [other, socket],
      ] as const) {
        from.once('error', () => to.destroy())
        from.once('close', () => to.destroy())
      }
    })
    onward.end()
  } catch (error) {
    lastAnswer(socket, errorAnswer(notPassedOn(error), requestId))
  }
}

function passOn(request: IncomingMessage, { by, at }: Pick<Passing, 'by' | 'at'>, socket: Duplex): ClientRequest {
  const { [ASKED_BY_HEADER]: _, ...headers } = request.headers
  return httpRequest({
    createConnection: () => socket,
    method: request.method,
    path: request.url,
    headers: { ...headers, [ASKED_BY_HEADER]: by, [ASKED_AT_HEADER]: at },
  })
}

function headOf({ statusCode = 502, statusMessage = '', rawHeaders }: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`]
  for (let i = 0; i < rawHeaders.length; i += 2) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`)
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** The leader has not got it: another server may be able to reach it. */
function notPassedOn(error: unknown): OperationalError {
  const why = error instanceof OperationalError ? `: ${error.message}` : ''
  return new OperationalError('NOT_LEADER', `the server that leads cannot be reached from here${why}`, { cause: error })
}

function lost(error: unknown): OperationalError {
  return new OperationalError('OUTCOME_UNKNOWN', 'the server that leads did not answer; it may have made the change', {
    hint: 'send the same request with the same idempotency key again',
    cause: error,
  })
}
