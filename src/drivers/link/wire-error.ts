import * as z from 'zod'
import { ERRORS, type ErrorCode, OperationalError } from '../../core/errors.ts'

const form = z.object({ code: z.string(), message: z.string(), hint: z.string() })

/** An expected failure as the other end is told it; a fault of this end is not told in detail. */
export function toWireError(error: unknown): z.infer<typeof form> {
  if (error instanceof OperationalError) return { code: error.code, message: error.message, hint: error.hint ?? '' }
  return { code: 'UNAVAILABLE', message: 'the other end of the link has met a fault of its own', hint: '' }
}

/** What the other end said, as an error of this one; a code that this version does not know is UNAVAILABLE. */
export function fromWireError(value: unknown): OperationalError {
  const read = form.safeParse(value)
  if (!read.success) return new OperationalError('UNAVAILABLE', 'the other end of the link failed without saying why')
  const { code, message, hint } = read.data
  const known = Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'UNAVAILABLE'
  return new OperationalError(known, message, hint === '' ? {} : { hint })
}
