/** What sending the very same request again can achieve. A property of the code, not of the call site. */
export type Retry = 'never' | 'after' | 'same-key' | 'elsewhere'

interface ErrorTraits {
  readonly http: number
  readonly exit: number
  readonly retry: Retry
  /** What it means, for the reference page. */
  readonly meaning: string
}

/** Every operational error there is. `docs/reference/errors.md` is generated from this table. */
export const ERRORS = {
  USAGE: { http: 400, exit: 2, retry: 'never', meaning: 'The request or command line is malformed.' },
  SPEC_INVALID: { http: 422, exit: 3, retry: 'never', meaning: 'The manifest has problems; all of them are listed.' },
  CONFIG_INVALID: { http: 422, exit: 3, retry: 'never', meaning: "The agent's own configuration has problems." },
  UNSUPPORTED: {
    http: 422,
    exit: 3,
    retry: 'never',
    meaning: 'The manifest asks for something that this cluster cannot do.',
  },
  PREREQUISITE: { http: 412, exit: 4, retry: 'never', meaning: 'Something that must be there first is missing.' },
  UNAUTHENTICATED: { http: 401, exit: 6, retry: 'never', meaning: 'The request carries no token, or a wrong one.' },
  FORBIDDEN: { http: 403, exit: 6, retry: 'never', meaning: 'The token may not do this.' },
  NOT_FOUND: { http: 404, exit: 1, retry: 'never', meaning: 'There is no such object.' },
  METHOD_NOT_ALLOWED: { http: 405, exit: 2, retry: 'never', meaning: 'The route exists, but not with this method.' },
  ALREADY_EXISTS: { http: 409, exit: 5, retry: 'never', meaning: 'An object of that name is there already.' },
  CONFLICT: { http: 409, exit: 5, retry: 'never', meaning: 'Somebody else changed the object in the meantime.' },
  PLAN_STALE: {
    http: 409,
    exit: 5,
    retry: 'never',
    meaning: 'The world moved since the plan was made; what moved is named.',
  },
  IDEMPOTENCY_MISMATCH: {
    http: 409,
    exit: 5,
    retry: 'never',
    meaning: 'The idempotency key was used for another request.',
  },
  STALE_EPOCH: { http: 409, exit: 5, retry: 'elsewhere', meaning: 'Another leader has taken over.' },
  NOT_LEADER: { http: 421, exit: 7, retry: 'elsewhere', meaning: 'This server does not lead.' },
  STATE_REGRESSION: {
    http: 409,
    exit: 5,
    retry: 'never',
    meaning: 'The state is older than, or foreign to, what was acted on.',
  },
  GUARD_BLOCKED: {
    http: 409,
    exit: 5,
    retry: 'never',
    meaning: 'The change would take down too much without being asked to.',
  },
  LIMIT_EXCEEDED: { http: 413, exit: 2, retry: 'never', meaning: 'The request is larger than allowed.' },
  RATE_LIMITED: { http: 429, exit: 7, retry: 'after', meaning: 'Too many requests in a short time.' },
  UNAVAILABLE: { http: 503, exit: 7, retry: 'after', meaning: 'It cannot be reached now.' },
  TIMEOUT: { http: 504, exit: 7, retry: 'after', meaning: 'It did not answer in time; nothing was changed.' },
  OUTCOME_UNKNOWN: {
    http: 504,
    exit: 8,
    retry: 'same-key',
    meaning: 'The answer was lost; it may or may not have happened.',
  },
  APPLY_FAILED: { http: 422, exit: 1, retry: 'never', meaning: 'The manifest was accepted but could not be reached.' },
  RUNTIME_REFUSED: {
    http: 422,
    exit: 1,
    retry: 'never',
    meaning: 'The container engine or the kernel refused the request.',
  },
  IMAGE_UNAVAILABLE: {
    http: 422,
    exit: 1,
    retry: 'never',
    meaning: 'The image cannot be had: not there, or not for us.',
  },
  PORT_IN_USE: { http: 409, exit: 4, retry: 'never', meaning: 'Another program listens on that port.' },
  STORE_FULL: { http: 507, exit: 1, retry: 'after', meaning: 'The disk of the store is full; nothing was changed.' },
  STORE_CORRUPT: {
    http: 500,
    exit: 78,
    retry: 'never',
    meaning: 'The state on disk is damaged, newer or foreign; it was not touched.',
  },
  STORE_MOVED: {
    http: 410,
    exit: 78,
    retry: 'never',
    meaning: 'The state has been moved to another store; this one is not used any more.',
  },
  STORE_UNFINISHED: {
    http: 409,
    exit: 78,
    retry: 'never',
    meaning: 'A state was being put there by a move or a restore that was cut off; the same command again finishes it.',
  },
  BACKUP_INVALID: {
    http: 422,
    exit: 1,
    retry: 'never',
    meaning: 'The backup is damaged, cut off, foreign or newer; nothing was changed.',
  },
  INTERNAL: { http: 500, exit: 127, retry: 'never', meaning: 'A fault of Gantry itself.' },
} as const satisfies Record<string, ErrorTraits>
export type ErrorCode = keyof typeof ERRORS

/** What is wrong with an input, where, and what to do. */
export interface Problem {
  /** `services.web.ports[0].host_port` */
  readonly path: string
  readonly message: string
  /** What would be right, or what was probably meant; empty when there is no better word than the message. */
  readonly hint: string
  readonly file: string | null
  /** From 1; null where the input has no text of its own. */
  readonly line: number | null
  readonly column: number | null
}

/** An expected failure: something a correct program meets in a faulty world. */
export class OperationalError extends Error {
  override readonly name = 'OperationalError'
  readonly code: ErrorCode
  /** What the user can do about it; empty when the message says all. */
  readonly hint: string
  readonly problems: readonly Problem[]

  constructor(
    code: ErrorCode,
    message: string,
    options: { hint?: string; problems?: readonly Problem[]; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.code = code
    this.hint = options.hint ?? ''
    this.problems = options.problems ?? []
  }

  get traits(): ErrorTraits {
    return ERRORS[this.code]
  }
}
