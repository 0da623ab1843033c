import { canonicalJson } from '../../lib/canonical-json.ts'
import type { Path } from './path.ts'
import type { Report } from './report.ts'
import type { Scalar, ServiceForm } from './schema-service.ts'

/** One service as it was written, and where; the source of everything that is normalised. */
export interface Fields {
  readonly doc: ServiceForm
  /** What its raw `options` stand for, as keys. */
  readonly options: ServiceForm
  readonly path: Path
  readonly report: Report
}

/** A value and its place. Values that came out of `options` have only one place for all their parts. */
export interface Source<T> {
  readonly value: T
  readonly path: Path
  readonly whole: boolean
}

/** The place of a part of a value. */
export function partPath(source: Source<unknown>, part: string | number): Path {
  return source.whole ? source.path : [...source.path, part]
}

/**
 * The values that were given for a key: by any of its spellings, and by `options`. Two spellings at once are a
 * problem. The first spelling is the one that messages use.
 */
export function sources<K extends keyof ServiceForm>(
  fields: Fields,
  ...spellings: K[]
): Source<NonNullable<ServiceForm[K]>>[] {
  const found: Source<NonNullable<ServiceForm[K]>>[] = []
  const written = spellings.filter((name) => fields.doc[name] !== undefined)
  for (const [i, name] of written.entries()) {
    const value = fields.doc[name]
    const path = [...fields.path, name]
    if (i > 0)
      fields.report.problem(path, `${written[0]} and ${name} mean the same; both are there`, 'keep one of them', 'key')
    else if (value !== undefined && value !== null) found.push({ value, path, whole: false })
  }
  for (const name of spellings) {
    const value = fields.options[name]
    if (value !== undefined && value !== null) found.push({ value, path: [...fields.path, 'options'], whole: true })
  }
  return found
}

/** The one value of a key; a different one in `options` is a problem. */
export function single<K extends keyof ServiceForm>(
  fields: Fields,
  ...spellings: K[]
): Source<NonNullable<ServiceForm[K]>> | null {
  const [first, second] = sources(fields, ...spellings)
  if (first !== undefined && second !== undefined && canonicalJson(first.value) !== canonicalJson(second.value)) {
    fields.report.problem(
      second.path,
      `sets ${spellings[0]} to another value than the key ${spellings[0]}`,
      'keep one of them',
    )
  }
  return first ?? null
}

/** The value alone, or what it is when the key is left out. */
export function valueOr<K extends keyof ServiceForm, D>(
  fields: Fields,
  absent: D,
  ...spellings: K[]
): NonNullable<ServiceForm[K]> | D {
  return single(fields, ...spellings)?.value ?? absent
}

/** A number or truth value as the text that was written for it: `1.10` stays `1.10`. */
export function textOf(value: Scalar, path: Path, report: Report): string {
  return typeof value === 'string' ? value : (report.sourceOf(path) ?? String(value))
}

/** `NAME=value` pairs from both forms, in order; what is malformed is reported. */
export function namedPairs(
  source: Source<Readonly<Record<string, Scalar>> | readonly string[]>,
  report: Report,
): readonly { name: string; value: string; path: Path }[] {
  const { value } = source
  if (!Array.isArray(value)) {
    return Object.entries(value as Readonly<Record<string, Scalar>>).map(([name, item]) => {
      const path = partPath(source, name)
      return { name, value: textOf(item, path, report), path }
    })
  }
  const seen = new Set<string>()
  return value.flatMap((entry: string, i) => {
    const path = partPath(source, i)
    const split = entry.indexOf('=')
    const name = entry.slice(0, Math.max(split, 0))
    if (seen.has(name)) report.problem(path, `${name} is there twice`, 'keep one of them')
    if (split > 0) {
      seen.add(name)
      return [{ name, value: entry.slice(split + 1), path }]
    }
    report.problem(
      path,
      `"${entry}" is not of the form NAME=value`,
      split < 0 ? `write ${entry}=value` : 'the name is missing',
    )
    return []
  })
}
