import { InvalidArgumentError } from 'commander'
import { OperationalError } from '../core/errors.ts'

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** Reads a time: `90`, `90s`, `5m`, `500ms`; plain numbers are seconds. Milliseconds. */
export function seconds(text: string): number {
  const parts = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text)
  if (parts === null) throw new InvalidArgumentError('use a time like 90s, 5m or 500ms')
  return Number(parts[1]) * (UNITS[parts[2] ?? 's'] ?? 1_000)
}

/** Reads a whole number from 0. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('use a whole number')
  return Number(text)
}

/** Reads the number of a manifest revision. */
export function revisionNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new OperationalError('USAGE', `${text} is no revision number`, { hint: '`gantry revisions` lists them' })
}

/** Collects `key=value` options, each key once. */
export function pair(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf('=')
  if (at <= 0) throw new InvalidArgumentError('use key=value')
  const key = text.slice(0, at)
  if (Object.hasOwn(before, key)) throw new InvalidArgumentError(`it gives ${key} twice`)
  return { ...before, [key]: text.slice(at + 1) }
}

/** Reads labels to set, `key=value`, and to take away, `key-`, each key once. */
export function labelChanges(words: readonly string[]): Record<string, string | null> {
  const changes = new Map<string, string | null>()
  for (const word of words) {
    const [key, value] = labelChange(word)
    if (changes.has(key)) {
      const hint = 'set it, or take it away, once'
      throw new OperationalError('USAGE', `the label ${key} is given twice`, { hint })
    }
    changes.set(key, value)
  }
  return Object.fromEntries(changes)
}

function labelChange(word: string): [key: string, value: string | null] {
  const at = word.indexOf('=')
  if (at > 0) return [word.slice(0, at), word.slice(at + 1)]
  if (at < 0 && word.length > 1 && word.endsWith('-')) return [word.slice(0, -1), null]
  throw new OperationalError('USAGE', `${word} is no label`, { hint: 'key=value sets one, key- takes it away' })
}

/** Collects an option that may be repeated. */
export function list(text: string, before: readonly string[] = []): string[] {
  return [...before, text]
}

/** The words of a program; the `--` before them has done its work. */
export function programWords(words: readonly string[]): string[] {
  return words[0] === '--' ? words.slice(1) : [...words]
}

/** Whether this names a task, `web.1.2`, and not a service. */
export function isTask(name: string): boolean {
  return /\.\d+\.\d+$/.test(name)
}
