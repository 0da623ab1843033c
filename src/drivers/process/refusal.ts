import { OperationalError } from '../../core/errors.ts'
import { errorCode } from '../durable-text.ts'

/** What failed, as a caller may see it: an operational error as it is, a failure of the system by its short name. */
export function refusalOf(error: unknown, what: string): OperationalError {
  if (error instanceof OperationalError) return error
  // Everything else is our own fault, and must be seen as one.
  if (!(error instanceof Error && 'syscall' in error)) throw error
  return new OperationalError('RUNTIME_REFUSED', `${what}: ${errorCode(error)}`, { cause: error })
}
