import type * as z from 'zod'
import { OperationalError } from '../../core/errors.ts'

/** Whether a message is of a kind that a later version added. Only its absence was promised to do no harm, so it is passed over. */
export function isOfLaterKind(value: unknown, kinds: ReadonlySet<string>): boolean {
  const kind = typeof value === 'object' && value !== null && 'kind' in value ? value.kind : null
  return typeof kind === 'string' && !kinds.has(kind)
}

/** A received value in the form that the code uses. Throws UNAVAILABLE and names the first thing that is wrong with it. */
export function readForm<T>(form: z.ZodType<T>, value: unknown, what: string): T {
  const read = form.safeParse(value)
  if (read.success) return read.data
  const [issue] = read.error.issues
  const where = issue === undefined || issue.path.length === 0 ? '' : ` at ${issue.path.join('.').slice(0, 200)}`
  throw new OperationalError('UNAVAILABLE', `cannot read ${what}${where}: ${issue?.message ?? 'it has another form'}`)
}
