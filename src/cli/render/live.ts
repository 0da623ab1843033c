import { type Cell, shorten } from './table.ts'

/** The part of a terminal's stream that a block needs. */
export interface Screen {
  readonly columns: number
  readonly rows: number
  write(text: string): unknown
}

/** Lines at the end of a terminal that are drawn again in place whenever they change. */
export class LiveBlock {
  readonly #screen: Screen
  #drawn: readonly string[] = []

  constructor(screen: Screen) {
    this.#screen = screen
  }

  /** Shows these lines in place of the last ones. What does not fit the screen is counted in a last line. */
  show(lines: readonly Cell[]): void {
    // A terminal that does not know its size says 0.
    const columns = this.#screen.columns || 80
    const room = Math.max(2, (this.#screen.rows || 24) - 1)
    const hidden = lines.length > room ? lines.length - room + 1 : 0
    const kept = hidden === 0 ? lines : lines.slice(0, room - 1)
    const drawn = kept.map(({ text, paint = (same) => same }) => paint(shorten(text, columns - 1)))
    if (hidden > 0) drawn.push(`  ... and ${hidden} more`)
    if (drawn.length === this.#drawn.length && drawn.every((line, at) => line === this.#drawn[at])) return
    const back = this.#drawn.length === 0 ? '' : `\x1b[${this.#drawn.length}A\r\x1b[J`
    this.#screen.write(`${back}${drawn.map((line) => `${line}\n`).join('')}`)
    this.#drawn = drawn
  }
}
