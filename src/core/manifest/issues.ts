import type * as z from 'zod'
import type { Path } from './path.ts'
import { nearest } from './suggest.ts'

type Issue = z.core.$ZodIssue

/** One thing that a schema finds wrong, in words. */
export interface Finding {
  readonly path: Path
  readonly message: string
  readonly hint: string
  readonly at: 'key' | 'value'
  /** Keys to take out so that the rest can be looked at; empty: the value itself. */
  readonly unknownKeys: readonly string[]
  /** Keys that the unknown ones were probably meant to be. */
  readonly meant: readonly string[]
}

/** Makes the schema name the keys that it knows, which its issues leave out. Passed as `error` of each parse. */
export function rememberKeys(issue: z.core.$ZodRawIssue): undefined {
  const def = issue.inst?._zod.def as { readonly shape?: object; readonly format?: string } | undefined
  if (issue.code === 'unrecognized_keys') issue['known'] = Object.keys(def?.shape ?? {})
  if (issue.code === 'invalid_type') issue['whole'] = def?.format === 'safeint'
}

/** Issues as findings: of a union, only those of the form that the user most likely meant. */
export function findings(issues: readonly Issue[], base: Path): readonly Finding[] {
  return issues.flatMap((issue) => {
    const path: Path = [...base, ...(issue.path as (string | number)[])]
    if (issue.code === 'invalid_union') return unionFindings(issue, path)
    if (issue.code === 'unrecognized_keys') return unknownKeys(issue, path)
    return [{ path, ...wording(issue), at: 'value' as const, unknownKeys: [], meant: [] }]
  })
}

function unionFindings(issue: z.core.$ZodIssueInvalidUnion, path: Path): readonly Finding[] {
  const fitting = issue.errors.filter(
    (errors) => !errors.some((error) => error.path.length === 0 && isWrongKind(error)),
  )
  const [best] = fitting.toSorted((a, b) => a.length - b.length)
  if (best !== undefined) return findings(best, path)
  const { discriminator, options } = issue as unknown as { discriminator?: string; options?: readonly string[] }
  if (discriminator !== undefined) {
    const { [discriminator]: input } = issue.input as Readonly<Record<string, unknown>>
    const worded = wrongWord({ values: [...(options ?? [])], input })
    return [{ path, ...worded, at: 'value', unknownKeys: [], meant: [] }]
  }
  const kinds = new Set(issue.errors.flatMap(expectedKinds))
  const message = `must be ${[...kinds].join(' or ')}, not ${describe(issue.input)}`
  return [{ path, message, hint: '', at: 'value', unknownKeys: [], meant: [] }]
}

function isWrongKind(issue: Issue): boolean {
  if (issue.code === 'invalid_union')
    return issue.errors.every((errors) => errors.some((e) => e.path.length === 0 && isWrongKind(e)))
  return issue.code === 'invalid_type'
}

function expectedKinds(issues: readonly Issue[]): readonly string[] {
  const root = issues.find((issue) => issue.path.length === 0)
  if (root?.code === 'invalid_union') return root.errors.flatMap(expectedKinds)
  return root?.code === 'invalid_type' ? [kindOf(root)] : []
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
  null: 'nothing',
}

function kindOf(issue: z.core.$ZodIssueInvalidType): string {
  const { whole } = issue as unknown as { readonly whole?: boolean }
  return whole ? 'a whole number' : (KINDS[issue.expected] ?? issue.expected)
}

function unknownKeys(issue: z.core.$ZodIssueUnrecognizedKeys, path: Path): readonly Finding[] {
  const known = (issue as unknown as { readonly known?: readonly string[] }).known ?? []
  return issue.keys.map((name) => {
    const meant = nearest(name, known)
    const allowed = known.length === 0 ? 'nothing is taken here' : `allowed here: ${known.join(', ')}`
    return {
      path: [...path, name],
      message: 'unknown key',
      hint: meant === null ? allowed : `did you mean ${meant}? ${allowed}`,
      at: 'key',
      unknownKeys: [name],
      meant: meant === null ? [] : [meant],
    }
  })
}

function wording(issue: Issue): { message: string; hint: string } {
  switch (issue.code) {
    case 'invalid_type':
      return wrongType(issue)
    case 'invalid_value':
      return wrongWord(issue)
    case 'too_small':
      return { message: `must ${size('at least', Number(issue.minimum), issue)}`, hint: '' }
    case 'too_big':
      return { message: `must ${size('at most', Number(issue.maximum), issue)}`, hint: '' }
    case 'invalid_format':
      return wrongForm(issue)
    case 'invalid_key':
      return { message: issue.issues.map((wrong) => wording(wrong).message).join(', '), hint: '' }
    default:
      return { message: issue.message.charAt(0).toLowerCase() + issue.message.slice(1), hint: '' }
  }
}

/** What the patterns in the schema mean. */
const FORMS: Readonly<Record<string, string>> = {
  '/^\\//': 'a path begins with /',
  '/^\\d+(-\\d+)?(,\\d+(-\\d+)?)*$/': 'numbers and ranges of processors, such as 0-2,4',
}

/** Schemas say what their pattern means; where one does not, its value is all that can be told. */
function wrongForm(issue: z.core.$ZodIssueInvalidStringFormat): { message: string; hint: string } {
  if (issue.format === 'uuid') return { message: `must be a UUID, not ${describe(issue.input)}`, hint: '' }
  const { message } = issue
  if (!message.startsWith('Invalid ') && !message.startsWith('must ')) return { message, hint: '' }
  if (message.startsWith('must ')) return { message: `${message}, not ${describe(issue.input)}`, hint: '' }
  return { message: `has the wrong form: ${describe(issue.input)}`, hint: FORMS[issue.pattern ?? ''] ?? '' }
}

function wrongType(issue: z.core.$ZodIssueInvalidType): { message: string; hint: string } {
  const kind = kindOf(issue)
  if (issue.input === undefined) return { message: `is missing; it must be ${kind}`, hint: '' }
  const { input } = issue
  const quoted = typeof input === 'string' && /^-?\d+(\.\d+)?$|^(true|false)$/.test(input)
  const hint = quoted ? `write ${input} without quotes` : input === null ? 'give it a value or remove the key' : ''
  return { message: `must be ${kind}, not ${describe(input)}`, hint }
}

function wrongWord(issue: Pick<z.core.$ZodIssueInvalidValue, 'values' | 'input'>): { message: string; hint: string } {
  const allowed = issue.values.map((value) => (value === '' ? '""' : String(value)))
  const meant = typeof issue.input === 'string' ? nearest(issue.input, allowed) : null
  if (issue.input === undefined) return { message: `is missing; it must be one of ${allowed.join(', ')}`, hint: '' }
  const message = `must be one of ${allowed.join(', ')}, not ${describe(issue.input)}`
  return { message, hint: meant === null ? '' : `did you mean ${meant}?` }
}

/** What a value must be, or how much it must have, and what it is or has. */
function size(bound: string, limit: number, { input }: { readonly input?: unknown }): string {
  if (typeof input !== 'string' && !Array.isArray(input)) return `be ${bound} ${limit}, not ${describe(input)}`
  if (input.length === 0) return 'not be empty'
  return `have ${bound} ${limit} ${typeof input === 'string' ? 'characters' : 'entries'}, not ${input.length}`
}

/** A value as a message names it: its kind, and the value itself where that is short. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'object') return 'a mapping'
  if (typeof value !== 'string') return String(value)
  if (value === '') return 'empty text'
  return `"${value.length > 40 ? `${value.slice(0, 37)}...` : value}"`
}
