import type { Millis } from '../../core/model/ids.ts'
import type { LogLine } from '../../ports/runtime.ts'
import type { Piece } from './demux.ts'

const MOST_LINE_BYTES = 65_536
const MOST_STAMP_BYTES = 64
const SPACE = 32
const LINE_END = 10

/**
 * Makes lines of the pieces of a log with timestamps. Engines cut long lines into several frames, each with a timestamp
 * of its own; these are put together again up to 64 KiB.
 */
export class LogLines {
  readonly #tty: boolean
  readonly #streams = { stdout: new OpenLine(), stderr: new OpenLine() }

  constructor(options: { readonly tty: boolean }) {
    this.#tty = options.tty
  }

  *feed({ stream, data, begins }: Piece): Generator<LogLine> {
    const line = this.#streams[stream]
    if (begins) line.expectStamp()
    for (let offset = 0; offset < data.length; ) {
      offset = line.inStamp ? line.takeStamp(data, offset) : line.takeText(data, offset)
      if (line.complete || line.bytes >= MOST_LINE_BYTES) {
        const isNothing = line.complete && line.continues && line.bytes === 0
        const cut = this.#line(stream, line)
        // The end alone, after a piece that took all of the text.
        if (!isNothing) yield cut
      }
    }
  }

  /** The lines that have no end yet. */
  *finish(): Generator<LogLine> {
    for (const stream of ['stdout', 'stderr'] as const) {
      if (this.#streams[stream].bytes > 0) yield this.#line(stream, this.#streams[stream])
    }
  }

  #line(stream: LogLine['stream'], line: OpenLine): LogLine {
    const { at, text } = line.cut()
    // A terminal ends its lines with two characters.
    return { stream, at, text: this.#tty && text.endsWith('\r') ? text.slice(0, -1) : text }
  }
}

/** The line of one stream that is being read: its timestamp, then its text. */
class OpenLine {
  inStamp = true
  complete = false
  /** Whether a piece of this line was taken already. */
  continues = false
  bytes = 0
  #at: Millis = 0
  #stamp = ''
  #parts: Buffer[] = []

  /** A frame begins: with a timestamp, in the middle of a line too. */
  expectStamp(): void {
    this.inStamp = true
    this.#stamp = ''
  }

  takeStamp(data: Buffer, offset: number): number {
    const found = data.indexOf(SPACE, offset)
    const end = found === -1 ? data.length : found
    this.#stamp += data.toString('latin1', offset, Math.min(end, offset + MOST_STAMP_BYTES))
    if (found === -1 && this.#stamp.length < MOST_STAMP_BYTES) return end
    const at = Date.parse(this.#stamp)
    this.inStamp = false
    // A line without a timestamp is text from its start on; it happened when the one before did.
    if (Number.isNaN(at)) {
      this.#append(Buffer.from(this.#stamp, 'latin1'))
      return Math.min(end, offset + MOST_STAMP_BYTES)
    }
    if (this.bytes === 0) this.#at = at
    return end + 1
  }

  takeText(data: Buffer, offset: number): number {
    const room = offset + MOST_LINE_BYTES - this.bytes
    const found = data.indexOf(LINE_END, offset)
    const end = Math.min(found === -1 ? data.length : found, room)
    this.#append(data.subarray(offset, end))
    if (end !== found) return end
    this.complete = true
    return end + 1
  }

  /** Takes what is there; a character that is not complete stays for the next piece. */
  cut(): { readonly at: Millis; readonly text: string } {
    const all = Buffer.concat(this.#parts)
    const end = this.complete ? all.length : wholeCharacters(all)
    this.#parts = end < all.length ? [all.subarray(end)] : []
    this.bytes = all.length - end
    if (this.complete) this.expectStamp()
    this.continues = !this.complete
    this.complete = false
    return { at: this.#at, text: all.toString('utf8', 0, end) }
  }

  #append(data: Buffer): void {
    // A copy: what stays of a line must not hold the whole chunk.
    if (data.length > 0) this.#parts.push(Buffer.from(data))
    this.bytes += data.length
  }
}

/** The length without a last character of UTF-8 that has only begun. */
function wholeCharacters(data: Buffer): number {
  for (let back = 1; back <= Math.min(3, data.length); back++) {
    const byte = data[data.length - back] ?? 0
    if (byte < 0x80) return data.length
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
      return length > back ? data.length - back : data.length
    }
  }
  return data.length
}
