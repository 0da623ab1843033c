/** A line that never ends is cut, rather than kept. */
const LONGEST = 64 * 1024

/** Cuts a stream of bytes into lines. */
export class LineCutter {
  readonly #decoder = new TextDecoder()
  #rest = ''

  /** The lines that are whole now, without their ends. */
  push(data: Uint8Array): readonly string[] {
    const lines = (this.#rest + this.#decoder.decode(data, { stream: true })).split(/\r?\n/)
    this.#rest = lines.pop() ?? ''
    if (this.#rest.length <= LONGEST) return lines
    const cut = this.#rest
    this.#rest = ''
    return [...lines, cut]
  }

  /** What stands after the last end of a line. */
  end(): readonly string[] {
    const rest = this.#rest + this.#decoder.decode()
    this.#rest = ''
    return rest === '' ? [] : [rest]
  }
}
