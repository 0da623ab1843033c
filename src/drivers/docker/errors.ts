import { type ErrorCode, OperationalError } from '../../core/errors.ts'

interface Refusal {
  /** null: any status. */
  readonly status: number | null
  readonly says: RegExp
  readonly code: ErrorCode
}

/** What an engine's refusals mean; the first row that fits wins. The engine has no codes of its own, only its words. */
const REFUSALS: readonly Refusal[] = [
  {
    status: null,
    says: /port is already allocated|address already in use|ports are not available|port is already in use/i,
    code: 'PORT_IN_USE',
  },
  { status: 404, says: /no such (container|exec)/i, code: 'NOT_FOUND' },
  {
    status: 404,
    says: /no such image|image .*not known|manifest|access denied|repository .*not found/i,
    code: 'IMAGE_UNAVAILABLE',
  },
  { status: 409, says: /name .*in use/i, code: 'ALREADY_EXISTS' },
  // Its container supervisor is away, or it is on its way down: nothing is said about the order.
  {
    status: null,
    says: /containerd\.sock|transport is closing|context deadline exceeded|shutting down/i,
    code: 'UNAVAILABLE',
  },
  { status: 503, says: /^/, code: 'UNAVAILABLE' },
]

/** Why a connection failed, in words; for a code that is not here, the code itself. */
const CONNECTION_FAILURES: Readonly<Record<string, string>> = {
  ENOENT: 'the socket does not exist',
  ECONNREFUSED: 'the connection was refused',
  EACCES: 'permission to use the socket was denied',
  EPERM: 'permission to use the socket was denied',
  ECONNRESET: 'the connection was lost',
  EPIPE: 'the connection was lost',
}

const HINTS: Readonly<Record<string, string>> = {
  ENOENT: 'start Docker Engine, or point DOCKER_HOST at it',
  ECONNREFUSED: 'start Docker Engine, or point DOCKER_HOST at it',
  EACCES: 'run as root, or as a user of the group docker',
  EPERM: 'run as root, or as a user of the group docker',
}

/** Translates a refusal of the engine. `doing` is what was asked: `start container web.1.1`. */
export function refusal(status: number, message: string, doing: string): OperationalError {
  const row = REFUSALS.find((one) => (one.status === null || one.status === status) && one.says.test(message))
  const said = message.trim() === '' ? `status ${status}` : message.trim()
  return new OperationalError(row?.code ?? 'RUNTIME_REFUSED', `cannot ${doing}: ${said}`)
}

/** Translates the failure of a connection: whether the engine did what was asked is then not known. */
export function connectionFailure(error: unknown, doing: string, address: string): OperationalError {
  if (error instanceof OperationalError) return error
  const { code = '', message = '' } = error as { code?: string; message?: string }
  const reason = CONNECTION_FAILURES[code] ?? (message === '' ? code : message)
  return new OperationalError('UNAVAILABLE', `cannot ${doing}: no answer from the engine at ${address}: ${reason}`, {
    hint: HINTS[code] ?? '',
    cause: error,
  })
}

/** The engine answered with something that no engine says. */
export function garbled(doing: string, what: string, cause?: unknown): OperationalError {
  return new OperationalError('UNAVAILABLE', `cannot ${doing}: the engine's answer ${what}`, { cause })
}
