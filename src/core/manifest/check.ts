import type * as z from 'zod'
import { type Finding, findings, rememberKeys } from './issues.ts'
import type { Path } from './path.ts'
import type { Report } from './report.ts'

/** Each pass takes out what the last one found; a value that is still wrong after so many is given up. */
const MAX_PASSES = 6

/**
 * Checks a value against a schema and reports everything that is wrong with it. Returns what is right: the value
 * without its wrong parts, so that the checks that come after the schema can still say what they find, or null when
 * nothing useful is left.
 */
export function check<T extends z.ZodType>(schema: T, value: unknown, path: Path, report: Report): z.infer<T> | null {
  let rest = value
  for (let pass = 1; pass <= MAX_PASSES; pass++) {
    const result = schema.safeParse(rest, { error: rememberKeys, reportInput: true })
    if (result.success) return result.data
    const found = findings(result.error.issues, [])
    for (const finding of found) tell(finding, path, report)
    if (found.some((finding) => finding.path.length === 0)) return null
    // What does not become right by taking out the wrong part is taken out whole.
    const wrong = found.map((finding) => (pass < MAX_PASSES / 2 ? finding.path : finding.path.slice(0, 1)))
    const marked = wrong.reduce((left, part) => mark(left, part), rest)
    if (marked === WRONG) return null
    rest = sweep(marked, path, report)
  }
  return null
}

function tell(finding: Finding, base: Path, report: Report): void {
  const path = [...base, ...finding.path]
  // A later pass looks at what an earlier one left; what it finds there was reported already.
  if (report.hasProblem(path)) return
  report.problem(path, finding.message, finding.hint, finding.at)
  for (const meant of finding.meant) report.silence([...path.slice(0, -1), meant])
}

/** Stands where something wrong was, until the sweep. */
const WRONG = Symbol('wrong')

/** A copy with a mark on what the path leads to, or on the item of a list that it is part of. */
function mark(value: unknown, path: Path): unknown {
  const [part, ...inner] = path
  if (part === undefined || value === WRONG) return WRONG
  if (Array.isArray(value)) return value.map((item, i) => (i === part ? WRONG : item))
  // Something that is missing cannot be taken out; what it is missing from is of no use then.
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return WRONG
  const record = value as Readonly<Record<string, unknown>>
  return { ...record, [part]: mark(record[part], inner) }
}

/** A copy without what is marked; the report learns which items are left of a list. */
function sweep(value: unknown, path: Path, report: Report): unknown {
  if (Array.isArray(value)) {
    const kept = value.flatMap((item, i) => (item === WRONG ? [] : [i]))
    const items = kept.map((i) => sweep(value[i], [...path, i], report))
    if (kept.length < value.length) report.keepItems(path, kept)
    return items
  }
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, item]) => item !== WRONG)
  return Object.fromEntries(entries.map(([name, item]) => [name, sweep(item, [...path, name], report)]))
}
