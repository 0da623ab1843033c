import { Composer, type CST, type Document, Lexer, LineCounter, Parser, type YAMLError } from 'yaml'
import type { Problem } from '../errors.ts'
import { checkTokens, MAX_BYTES, MAX_LEXEMES, TooLarge } from './limits.ts'
import { formatPath, type Path } from './path.ts'
import { createTree, type Tree } from './tree.ts'

export type { Tree } from './tree.ts'

export interface Parsed {
  /** null: the text could not be read. A tree may come with problems, such as doubled keys. */
  readonly tree: Tree | null
  readonly problems: readonly Problem[]
}

/**
 * Reads YAML text into plain values that remember where they stood. Never throws: whatever is wrong with the text is
 * a problem. Size, nesting and number of nodes are bounded before anything is built, aliases while they are expanded.
 */
export function parseDocument(text: string, file: string | null): Parsed {
  const lines = new LineCounter()
  const problems: Problem[] = []
  const report = (path: Path, offset: number, message: string, hint: string): void => {
    const { line, col } = lines.linePos(offset)
    problems.push({ path: formatPath(path), message, hint, file, line: Math.max(line, 1), column: Math.max(col, 1) })
  }
  if (text.length > MAX_BYTES || new TextEncoder().encode(text).length > MAX_BYTES) {
    const hint = 'split it into several manifests, or move contents into files'
    problems.push({ path: '(document)', message: 'larger than 1 MiB', hint, file, line: 1, column: 1 })
    return { tree: null, problems }
  }
  const document = compose(text, lines, report)
  if (document === null) return { tree: null, problems }
  for (const error of [...document.errors, ...document.warnings].slice(0, MAX_SYNTAX_PROBLEMS)) {
    const { message, hint } = wording(error)
    const { line } = lines.linePos(error.pos[0])
    if (!problems.some((other) => other.message === message && other.line === line))
      report([], error.pos[0], message, hint)
  }
  if (problems.length > 0) return { tree: null, problems }
  return { tree: createTree(document, lines, report), problems }
}

/** After the first mistakes in the syntax the rest is guesswork of the parser. */
const MAX_SYNTAX_PROBLEMS = 20
const MAX_MESSAGE = 160

type ReportAt = (path: Path, offset: number, message: string, hint: string) => void

function compose(text: string, lines: LineCounter, report: ReportAt): Document.Parsed | null {
  try {
    const tokens = tokenize(text, lines)
    // Keys are compared by the tree, in linear time; the library's own check is quadratic.
    const composer = new Composer({ uniqueKeys: false, prettyErrors: false, logLevel: 'silent', version: '1.2' })
    const documents = [...composer.compose(tokens, true, text.length)]
    const second = documents[1]
    if (second !== undefined) {
      report(
        [],
        second.range[0],
        'a second document begins here',
        'a manifest is one YAML document; put the other one into a file of its own',
      )
      return null
    }
    return (documents[0] ?? null) as Document.Parsed | null
  } catch (error) {
    if (!(error instanceof TooLarge)) throw error
    report([], error.offset, error.message, 'a manifest never needs that; was a bracket left open?')
    return null
  }
}

/** What the library's parser does, with a bound on the number of lexemes, because each costs time. */
function tokenize(text: string, lines: LineCounter): readonly CST.Token[] {
  const parser = new Parser(lines.addNewLine)
  const tokens: CST.Token[] = []
  lines.addNewLine(0)
  let lexemes = 0
  for (const lexeme of new Lexer().lex(text)) {
    if (++lexemes > MAX_LEXEMES) throw new TooLarge(parser.offset, `more than ${MAX_LEXEMES} words and signs`)
    tokens.push(...parser.next(lexeme))
  }
  tokens.push(...parser.end())
  checkTokens(tokens)
  return tokens
}

/** The library's message in our form, with a better one for the mistakes that people make most. */
function wording(error: YAMLError): { message: string; hint: string } {
  switch (error.code) {
    case 'TAB_AS_INDENT':
      return { message: 'a tab cannot indent YAML', hint: 'use spaces' }
    case 'TAG_RESOLVE_FAILED':
      return { message: 'this tag is not supported', hint: 'remove the tag; a manifest needs only plain values' }
    case 'BAD_INDENT':
      if (error.message.startsWith('Flow'))
        return {
          message: 'a { or [ is not closed before the indentation ends',
          hint: 'close it, or indent what belongs into it further',
        }
      return {
        message: 'the indentation does not fit its surroundings',
        hint: 'keys of one mapping start in the same column',
      }
    default: {
      const message = (error.message.split('\n')[0] ?? '').slice(0, MAX_MESSAGE)
      return {
        message: `not YAML: ${message.charAt(0).toLowerCase()}${message.slice(1).replace(/[.:]+$/, '')}`,
        hint: '',
      }
    }
  }
}
