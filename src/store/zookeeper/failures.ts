import { OperationalError } from '../../core/errors.ts'

/** ZooKeeper cannot be asked now; nothing was sent. */
export function unreachable(why: string, cause?: unknown): OperationalError {
  return new OperationalError('UNAVAILABLE', `cannot reach ZooKeeper: ${why}`, { cause })
}

/** A request was sent, and its answer will not come. */
export function answerLost(why: string, cause?: unknown): OperationalError {
  return new OperationalError('OUTCOME_UNKNOWN', `the answer of ZooKeeper was lost: ${why}`, { cause })
}

/** The refusal to use what is stored; it was not touched. */
export function corrupt(
  root: string,
  what: string,
  options: { hint?: string; cause?: unknown } = {},
): OperationalError {
  return new OperationalError('STORE_CORRUPT', `cannot use the state in ZooKeeper at ${root}: ${what}`, {
    hint: options.hint ?? 'nothing was changed; name another path, or restore the path from a backup of ZooKeeper',
    cause: options.cause,
  })
}

/** Whether an error says that the answer to something that was sent is lost. */
export function isAnswerLost(error: unknown): boolean {
  return error instanceof OperationalError && error.code === 'OUTCOME_UNKNOWN'
}

/** An answer other than success that its asker has no word for. */
export class RefusedByServer extends Error {
  override readonly name = 'RefusedByServer'
  /** One of ZooKeeper's own numbers. */
  readonly code: number

  constructor(code: number, what: string) {
    super(`ZooKeeper refused ${what} (its error ${code})`)
    this.code = code
  }
}
