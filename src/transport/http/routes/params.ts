import * as z from 'zod'
import { count } from '../schemas/named.ts'

const name = z.string().min(1).max(300)

export const byName = z.strictObject({ name })
export const byId = z.strictObject({ id: name })

/** A whole number in a query, where everything is text. */
export function wholeText(max: number) {
  return z
    .string()
    .regex(/^\d{1,16}$/, 'must be a whole number')
    .transform(Number)
    .pipe(count.max(max))
}

export const byNumber = z.strictObject({
  number: wholeText(Number.MAX_SAFE_INTEGER).refine((number) => number > 0, 'must be at least 1'),
})

export const flag = z.enum(['true', 'false']).transform((word) => word === 'true')

/** Which log lines are wanted. */
export const logQuery = z
  .strictObject({
    follow: flag.optional().describe('Go on with the lines to come.'),
    tail: wholeText(1_000_000).optional().describe('Begin with so many last lines; left out: with the first one kept.'),
    since: wholeText(Number.MAX_SAFE_INTEGER)
      .optional()
      .describe('Only lines at or after this time, in milliseconds since 1970.'),
  })
  .transform(({ follow = false, tail = null, since = null }) => ({ follow, tail, since }))
