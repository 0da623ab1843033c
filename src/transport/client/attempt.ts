import type { IncomingMessage } from 'node:http'
import { OperationalError } from '../../core/errors.ts'
import { answerError, refusedConnection } from './failures.ts'
import { type Outgoing, send, type Target } from './send.ts'

/** What became of one request to one server. What a server judged is thrown. */
export type Attempt =
  | { readonly kind: 'answer'; readonly value: unknown }
  /** It has done nothing: it could not be reached, or it says that another one leads. */
  | { readonly kind: 'passed'; readonly error: OperationalError }
  /** It may have done something. */
  | { readonly kind: 'lost'; readonly cause: unknown }

/** Larger answers are refused rather than kept in memory. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024

/** Sends a request and reads its answer. */
export async function attempt(target: Target, outgoing: Outgoing): Promise<Attempt> {
  const sent = await send(target, outgoing)
  if (sent.kind === 'refused') return { kind: 'passed', error: refusedConnection(target, sent.cause) }
  if (sent.kind === 'lost') return sent
  const { response } = sent
  const text = await readAll(response).catch((error: unknown) => {
    if (error instanceof OperationalError) throw error
    return { lost: error }
  })
  if (typeof text !== 'string') return { kind: 'lost', cause: text.lost }
  try {
    return { kind: 'answer', value: judgeAnswer(target, response.statusCode ?? 0, text) }
  } catch (error) {
    if (error instanceof OperationalError && error.traits.retry === 'elsewhere') return { kind: 'passed', error }
    // A write whose outcome the server itself does not know counts as lost: the key makes it safe to ask again.
    if (error instanceof OperationalError && error.traits.retry === 'same-key') return { kind: 'lost', cause: error }
    throw error
  }
}

/** The body of a good answer; the failure that a server told is thrown. */
export function judgeAnswer(target: Target, status: number, text: string): unknown {
  let value: unknown
  try {
    value = text === '' ? null : JSON.parse(text)
  } catch (cause) {
    throw new OperationalError('UNAVAILABLE', `what answers there is not Gantry (HTTP ${status}, no JSON)`, { cause })
  }
  if (status >= 200 && status < 300) return value
  throw answerError(target, status, value)
}

/** A whole body as text. Throws LIMIT_EXCEEDED for one that is too large to keep. */
export async function readAll(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    size += part.length
    if (size > MAX_ANSWER_BYTES) throw new OperationalError('LIMIT_EXCEEDED', 'the answer is larger than 64 MiB')
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}
