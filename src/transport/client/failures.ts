import { ERRORS, type ErrorCode, OperationalError, type Problem } from '../../core/errors.ts'
import { nameOf, type Target } from './send.ts'

/** Code of the error that a connection fails with whose other end is of the cluster, and no server. */
export const NOT_A_SERVER = 'NOT_A_SERVER'

const START = 'start it with `gantry up`'

/** The server cannot be reached: nothing was changed. */
export function refusedConnection(target: Target, cause: unknown): OperationalError {
  const why = (cause as NodeJS.ErrnoException | null)?.code ?? ''
  if ('socketPath' in target) {
    if (why === 'EACCES') {
      return new OperationalError('FORBIDDEN', `the socket ${target.socketPath} belongs to another user`, {
        hint: 'use the server’s address and a token instead',
        cause,
      })
    }
    const message = `no Gantry answers on ${target.socketPath}${reason(why)}`
    return new OperationalError('UNAVAILABLE', message, { hint: START, cause })
  }
  const distrust = distrustIn(cause as NodeJS.ErrnoException | null)
  if (distrust !== null) {
    return new OperationalError('FORBIDDEN', `cannot trust the server at ${target.url}: ${distrust}`, {
      hint: 'name the authority of its cluster: the file authority.crt of a server, or its fingerprint; see `gantry help clusters`',
      cause,
    })
  }
  const hint = `${START}, or check the address and that its port can be reached from here`
  return new OperationalError('UNAVAILABLE', `no Gantry answers on ${target.url}${reason(why)}`, { hint, cause })
}

/** What is wrong with the certificate of a server; null: nothing. */
function distrustIn(cause: NodeJS.ErrnoException | null): string | null {
  const { code = '', message = '' } = cause ?? {}
  if (code === NOT_A_SERVER) return message
  if (/^CERT_|SELF_SIGNED|^UNABLE_TO_|ALTNAME_INVALID/.test(code)) return message.replace(/\.$/, '').toLowerCase()
  return null
}

function reason(code: string): string {
  const words: Readonly<Record<string, string>> = {
    ECONNREFUSED: ': connection refused',
    ENOENT: ': there is no such socket',
    ENOTDIR: ': there is no such socket',
    ENOTFOUND: ': the name is unknown',
    ETIMEDOUT: ': it did not answer in time',
    ERR_SSL_WRONG_VERSION_NUMBER: ': what answers there speaks no TLS',
  }
  return words[code] ?? (code === '' ? '' : `: ${code}`)
}

/** The connection broke after the request was sent. */
export function lostAnswer(target: Target, write: boolean, cause: unknown): OperationalError {
  const where = nameOf(target)
  if (!write) {
    return new OperationalError('UNAVAILABLE', `the connection to ${where} broke before it answered`, {
      hint: START,
      cause,
    })
  }
  return new OperationalError(
    'OUTCOME_UNKNOWN',
    `the answer of ${where} was lost; the change may or may not have been made`,
    {
      hint: 'look whether it was made, then repeat the command if not',
      cause,
    },
  )
}

/** The failure that the server told, as our own error. */
export function answerError(target: Target, status: number, value: unknown): OperationalError {
  const error = field(value, 'error')
  const code = field(error, 'code')
  const message = field(error, 'message')
  if (typeof code !== 'string' || !isErrorCode(code) || typeof message !== 'string') {
    return new OperationalError('UNAVAILABLE', `what answers on ${nameOf(target)} is not Gantry (HTTP ${status})`)
  }
  const hint = code === 'UNAUTHENTICATED' ? hintFor(target) : text(field(error, 'hint'))
  return new OperationalError(code, message, {
    hint,
    problems: problemsOf(field(error, 'problems')),
  })
}

/** What gives a command a token. */
function hintFor(target: Target): string {
  if (!('socketPath' in target))
    return 'give --token-file FILE, or set GANTRY_TOKEN; a server keeps it in the file `token`'
  return 'this machine is no server, and its cluster must be told who asks: set GANTRY_TOKEN, or keep a copy of a server’s file `token` in the data directory here'
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code)
}

function problemsOf(value: unknown): readonly Problem[] {
  if (!Array.isArray(value)) return []
  return value.map((item: unknown) => ({
    path: text(field(item, 'path')),
    message: text(field(item, 'message')),
    hint: text(field(item, 'hint')),
    file: typeof field(item, 'file') === 'string' ? text(field(item, 'file')) : null,
    line: number(field(item, 'line')),
    column: number(field(item, 'column')),
  }))
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function number(value: unknown): number | null {
  return typeof value === 'number' ? value : null
}
