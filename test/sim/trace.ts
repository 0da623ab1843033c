const KEPT_LINES = 400

/** What happens in a life, as lines: the last of them for people, all of them as one number for comparison. */
export class Trace {
  readonly #lines: string[] = []
  readonly #onLine: (line: string) => void
  #hash = 0x811c9dc5
  #count = 0

  /** `onLine` gets every line as it happens. */
  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine
  }

  add(at: number, what: string): void {
    const line = `${at} ${what}`
    let hash = this.#hash
    for (let i = 0; i < line.length; i++) hash = Math.imul(hash ^ line.charCodeAt(i), 0x01000193)
    this.#hash = hash
    this.#lines[this.#count++ % KEPT_LINES] = line
    this.#onLine(line)
  }

  /** Equal for lives that went alike. */
  get hash(): string {
    return `${(this.#hash >>> 0).toString(16)}-${this.#count}`
  }

  /** The newest lines, oldest first. */
  last(count: number): string[] {
    const kept = Math.min(count, this.#count, KEPT_LINES)
    return Array.from({ length: kept }, (_, i) => this.#lines[(this.#count - kept + i) % KEPT_LINES] ?? '')
  }
}
