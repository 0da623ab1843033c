import type { Problem } from '../errors.ts'
import { formatPath, type Path } from './path.ts'
import type { Tree } from './tree.ts'

/** Something accepted that has a consequence worth knowing. */
export interface Note {
  readonly path: string
  readonly message: string
  readonly line: number
  readonly column: number
}

/** More would not be read, and a document can be made to have a hundred thousand. */
const MAX_PROBLEMS = 200

/** Collects what is wrong with one document and what is worth telling, each at its place in the text. */
export class Report {
  readonly #tree: Tree
  readonly #file: string | null
  readonly #problems: Problem[] = []
  readonly #notes: Note[] = []
  /** Every path with a problem and everything that encloses it. */
  readonly #places = new Set<string>()
  /** Lists that lost items, by their path: the original indices of those that are left. */
  readonly #kept = new Map<string, readonly number[]>()

  /** `before`: problems that were found while the tree was made. */
  constructor(tree: Tree, file: string | null, before: readonly Problem[]) {
    this.#tree = tree
    this.#file = file
    this.#problems.push(...before.slice(0, MAX_PROBLEMS))
  }

  get problems(): readonly Problem[] {
    return this.#problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0))
  }

  get notes(): readonly Note[] {
    return this.#notes.toSorted((a, b) => a.line - b.line || a.column - b.column)
  }

  /**
   * Tells that items were taken out of a list because they are wrong. From now on indices into it mean what is left,
   * and are reported as they stand in the text.
   */
  keepItems(list: Path, kept: readonly number[]): void {
    const original = this.#original(list)
    const before = this.#kept.get(formatPath(original))
    this.#kept.set(formatPath(original), before === undefined ? kept : kept.map((i) => before[i] ?? i))
  }

  /** A path as it stands in the text. */
  #original(path: Path): Path {
    if (this.#kept.size === 0) return path
    const original: (string | number)[] = []
    for (const part of path) {
      const kept = typeof part === 'number' ? this.#kept.get(formatPath(original)) : undefined
      original.push(kept === undefined ? part : (kept[part as number] ?? part))
    }
    return original
  }

  /** The text of a plain scalar as it was written; null when there is none. */
  sourceOf(path: Path): string | null {
    return this.#tree.source(this.#original(path))
  }

  /** Whether the text has a value there. */
  hasValue(path: Path): boolean {
    return this.#tree.has(this.#original(path))
  }

  problem(at: Path, message: string, hint = '', part: 'key' | 'value' = 'value'): void {
    const path = this.#original(at)
    this.#remember(path)
    if (this.#problems.length > MAX_PROBLEMS) return
    const full = this.#problems.length === MAX_PROBLEMS
    const { line, column } = this.#tree.position(path, part)
    const problem = { path: formatPath(path), message, hint, file: this.#file, line, column }
    const same = this.#problems.some((other) => other.path === problem.path && other.message === message)
    if (same) return
    this.#problems.push(
      full ? { ...problem, message: 'there are more problems', hint: 'mend those above first' } : problem,
    )
  }

  /** Reports a key that is not there but must be; silent when what stood there was reported already. */
  missing(path: Path, key: string, message: string, hint = ''): void {
    if (!this.hasProblem([...path, key])) this.problem([...path, key], message, hint, 'key')
  }

  /** Whether no more problems are taken in, so that nothing needs to be found out for them. */
  get isFull(): boolean {
    return this.#problems.length > MAX_PROBLEMS
  }

  #remember(path: Path): void {
    for (let length = path.length; length >= 0; length--) this.#places.add(formatPath(path.slice(0, length)))
  }

  /** Remembers a place as wrong without saying anything, because another problem says it already. */
  silence(path: Path): void {
    this.#remember(this.#original(path))
  }

  note(at: Path, message: string): void {
    if (this.#notes.length >= MAX_PROBLEMS) return
    const path = this.#original(at)
    this.#notes.push({ path: formatPath(path), message, ...this.#tree.position(path, 'key') })
  }

  /** Whether a problem was found at that path or inside. */
  hasProblem(path: Path): boolean {
    return this.#places.has(formatPath(this.#original(path)))
  }
}
