import type * as z from 'zod'
import { OperationalError, type Problem } from '../../core/errors.ts'
import { findings, rememberKeys } from '../../core/manifest/issues.ts'
import { formatPath } from '../../core/manifest/path.ts'

export type Part = 'path' | 'query' | 'body'

/** The value of one part of a request as its schema wants it. Throws USAGE with all problems of the part. */
export function checkInput<T>(schema: z.ZodType<T>, value: unknown, part: Part): T {
  const result = schema.safeParse(value, { error: rememberKeys, reportInput: true })
  if (result.success) return result.data
  // A key that is not known comes first: it tends to be the one that is missing, misspelt.
  const found = findings(result.error.issues, []).toSorted((a, b) => b.unknownKeys.length - a.unknownKeys.length)
  const problems = found.map(({ path, message, hint }): Problem => {
    return { path: formatPath([part, ...path]), message, hint, file: null, line: null, column: null }
  })
  const [first] = problems
  const message = first === undefined ? `the ${part} is malformed` : `${first.path}: ${first.message}`
  throw new OperationalError('USAGE', message, { hint: first?.hint ?? '', problems })
}
