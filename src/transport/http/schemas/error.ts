import * as z from 'zod'
import { ERRORS, type ErrorCode, type Problem } from '../../../core/errors.ts'
import { named, positive, text } from './named.ts'

export const problem: z.ZodType<Problem> = named(
  'Problem',
  z.strictObject({
    path: text,
    message: text,
    hint: text,
    file: text.nullable(),
    line: positive.nullable(),
    column: positive.nullable(),
  }),
  'What is wrong with an input, where, and what to do.',
)

export const ERROR_CODES = Object.keys(ERRORS) as ErrorCode[]

export const wireError = named(
  'Error',
  z.strictObject({
    error: z.strictObject({
      code: z.enum(ERROR_CODES),
      status: z.int(),
      message: text,
      hint: text,
      problems: z.array(problem).optional(),
      requestId: text,
      retry: z.enum(['never', 'after', 'same-key', 'elsewhere']),
      retryAfterMs: z.number().optional(),
    }),
  }),
  'Every failure, of every route.',
)
