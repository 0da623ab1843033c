import { ERRORS, type ErrorCode, OperationalError, type Problem } from '../../core/errors.ts'
import type { WireError } from '../wire.ts'

/** More problems than this are not sent; the first ones have to be mended anyway. */
const MAX_PROBLEMS = 50
const MAX_TEXT = 2_000

/** A failure that also says when asking again may work. */
export class RetryLater extends OperationalError {
  readonly retryAfterMs: number

  constructor(code: 'RATE_LIMITED' | 'UNAVAILABLE', message: string, retryAfterMs: number) {
    super(code, message)
    this.retryAfterMs = retryAfterMs
  }
}

/**
 * The one form in which every failure leaves the server. What is not an OperationalError is a fault of ours: nothing
 * of it is told but the id under which the log has it.
 */
export function errorAnswer(error: unknown, requestId: string): WireError {
  const known = asOperational(error)
  if (known === null) return answer('INTERNAL', 'something went wrong in the server', { requestId })
  const problems = known.problems.slice(0, MAX_PROBLEMS).map(printableProblem)
  const retryAfterMs = known instanceof RetryLater ? known.retryAfterMs : null
  return answer(known.code, known.message, { hint: known.hint, problems, retryAfterMs, requestId })
}

interface Rest {
  readonly requestId: string
  readonly hint?: string
  readonly problems?: readonly Problem[]
  readonly retryAfterMs?: number | null
}

function answer(code: ErrorCode, message: string, rest: Rest): WireError {
  const { http, retry } = ERRORS[code]
  const { problems = [], retryAfterMs = null } = rest
  return {
    error: {
      code,
      status: http,
      message: printable(message),
      hint: printable(rest.hint ?? ''),
      ...(problems.length === 0 ? {} : { problems }),
      requestId: rest.requestId,
      retry,
      ...(retryAfterMs === null ? {} : { retryAfterMs }),
    },
  }
}

/** The expected failure behind an error of ours or of the HTTP framework; null: a fault. */
export function asOperational(error: unknown): OperationalError | null {
  if (error instanceof OperationalError) return error
  if (!(error instanceof Error)) return null
  const { code = '', statusCode = 500 } = error as Error & { readonly code?: string; readonly statusCode?: number }
  const known = FRAMEWORK[code]
  if (known !== undefined) return new OperationalError(...known)
  return statusCode >= 400 && statusCode < 500 ? new OperationalError('USAGE', 'the request is malformed') : null
}

const JSON_BODY = { hint: 'send one JSON object with content-type: application/json' }

/** What the framework and the parser refuse, by their codes. */
const FRAMEWORK: Readonly<Record<string, ConstructorParameters<typeof OperationalError>>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['USAGE', 'the body has a content type that is not understood', JSON_BODY],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['USAGE', 'the body is empty', JSON_BODY],
  FST_ERR_CTP_INVALID_JSON_BODY: ['USAGE', 'the body is not JSON', JSON_BODY],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['USAGE', 'the body is not as long as its content-length says', {}],
  FST_ERR_CTP_BODY_TOO_LARGE: ['LIMIT_EXCEEDED', 'the body is larger than this route takes', {}],
  FST_ERR_BAD_URL: ['USAGE', 'the path is not a valid URL', {}],
  FST_ERR_MAX_PARAM_LENGTH: ['USAGE', 'a part of the path is too long', {}],
  FST_ERR_HANDLER_TIMEOUT: ['TIMEOUT', 'the server did not finish in time', {}],
  HPE_HEADER_OVERFLOW: ['LIMIT_EXCEEDED', 'the headers are larger than 16 KiB', {}],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['LIMIT_EXCEEDED', 'the chunk extensions are too large', {}],
  ERR_HTTP_REQUEST_TIMEOUT: ['USAGE', 'the request did not arrive in time', {}],
}

function printableProblem(problem: Problem): Problem {
  const { path, message, hint, file } = problem
  const texts = { path: printable(path), message: printable(message), hint: printable(hint) }
  return { ...problem, ...texts, file: file === null ? null : printable(file) }
}

/** Text in which nothing can move a cursor, ring a bell or turn the direction of writing. */
export function printable(text: string): string {
  const cut = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text
  return cut.replaceAll(/[\p{Cc}\p{Cs}\u2028-\u202e\u2066-\u2069]/gu, (char) => {
    return char === '\n' ? '\n' : `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`
  })
}
