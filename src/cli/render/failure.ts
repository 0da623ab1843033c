import { OperationalError, type Problem } from '../../core/errors.ts'
import type { Style } from './style.ts'
import { printable } from './table.ts'

const LONGEST = 2_000

/** An error as a person reads it: what is wrong, where, and what to do. */
export function failureText(error: unknown, style: Style, debug: boolean): string {
  if (!(error instanceof OperationalError)) {
    const message = error instanceof Error ? error.message : String(error)
    const stack = debug && error instanceof Error ? `\n${error.stack}` : ''
    return `${style.bad('Error:')} a fault of Gantry itself: ${message}${stack}${debug ? '' : '\nTry: the same with --debug, and report what it shows'}`
  }
  const lines = [`${style.bad('Error:')} ${printable(cut(error.message))}`]
  for (const problem of error.problems) if (!isSaid(problem, error.message)) lines.push(problemText(problem, style))
  if (error.hint !== '') lines.push(`Try: ${printable(error.hint)}`)
  if (debug && error.stack !== undefined) lines.push(style.quiet(error.stack))
  return lines.join('\n')
}

/** What somebody gave by mistake, a whole file for a name, is not shown to its end. */
function cut(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)} …` : text
}

/** Whether the message of an error has it already; one with a place in a file tells more. */
function isSaid({ line, path, message }: Problem, said: string): boolean {
  return line === null && (path === '' ? said.includes(message) : said.endsWith(message) && said.includes(path))
}

/** `file:line:column: path: message`, and below it what would be right. */
export function problemText({ file, line, column, path, message, hint }: Problem, style: Style): string {
  const where = line === null ? '' : `${file ?? 'manifest'}:${line}:${column ?? 1}: `
  const text = `${style.heading(where)}${path === '' ? '' : `${path}: `}${printable(message)}`
  return hint === '' ? text : `${text}\n    ${style.quiet(printable(hint))}`
}

/** The same as the API's error shape, for programs. */
export function failureJson(error: unknown): unknown {
  if (error instanceof OperationalError) {
    const { code, message, hint, problems, traits } = error
    return { error: { code, status: traits.http, message, hint, problems, retry: traits.retry } }
  }
  return { error: { code: 'INTERNAL', status: 500, message: String(error), hint: '', problems: [], retry: 'never' } }
}
