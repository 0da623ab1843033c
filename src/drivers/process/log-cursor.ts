import { open, stat } from 'node:fs/promises'
import type { LogLine } from '../../ports/runtime.ts'
import { errorCode } from '../durable-text.ts'
import { type Mark, timeAt } from './log-marks.ts'
import type { LogStream } from './log-stream.ts'

const CHUNK_BYTES = 262_144
const LONGEST_LINE_BYTES = 65_536
const NEWLINE = 0x0a

/** A line, or a piece of one that is too long. */
export interface Piece extends LogLine {
  readonly endsLine: boolean
}

/** Reads one log onwards from a place, across rotations. */
export class LogCursor {
  readonly #log: LogStream
  #generation: number
  #position: number
  #rest: Buffer = Buffer.alloc(0)
  #restAt = 0

  /** `position` counts in the file of that generation: the log's own is the current file, one less the one before. */
  constructor(log: LogStream, generation: number, position: number) {
    this.#log = log
    this.#generation = generation
    this.#position = position
  }

  /** The next whole lines; null when there are none now. */
  async next(): Promise<Piece[] | null> {
    for (;;) {
      const chunk = await this.#read()
      if (chunk === null) return null
      const pieces = this.#split(chunk)
      if (pieces.length > 0) return pieces
    }
  }

  /** What stands after the last line's end; asked for when nothing more will come. */
  flush(): Piece[] {
    const text = this.#rest.toString('utf8')
    this.#rest = Buffer.alloc(0)
    return text === '' ? [] : [{ stream: this.#log.stream, at: this.#restAt, text, endsLine: true }]
  }

  async #read(): Promise<{ bytes: Buffer; from: number; marks: readonly Mark[]; at: number } | null> {
    for (;;) {
      const generation = this.#log.generation
      if (this.#generation < generation - 1) {
        // Rotated twice since: what was between is gone.
        this.#generation = generation - 1
        this.#position = 0
      }
      const which = this.#generation === generation ? 'current' : 'previous'
      const found = await readChunk(this.#log[which], this.#position)
      // Rotated while it was read: those bytes may be of either file.
      if (this.#log.generation !== generation) continue
      if (found !== null) {
        const from = this.#position
        this.#position += found.bytes.length
        return { ...found, from, marks: this.#log.marks(which) }
      }
      if (which === 'current') return null
      this.#generation += 1
      this.#position = 0
    }
  }

  #split({ bytes, from, marks, at }: { bytes: Buffer; from: number; marks: readonly Mark[]; at: number }): Piece[] {
    const { stream } = this.#log
    const pieces: Piece[] = []
    const text = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    const offset = from - this.#rest.length
    let start = 0
    const cut = (end: number, endsLine: boolean): void => {
      const lineAt = timeAt(marks, offset + end, at)
      pieces.push({ stream, at: lineAt, text: text.toString('utf8', start, end), endsLine })
      start = end
    }
    while (start < text.length) {
      const end = text.indexOf(NEWLINE, start)
      const last = end === -1 ? text.length : end
      while (last - start > LONGEST_LINE_BYTES) cut(characterStart(text, start + LONGEST_LINE_BYTES), false)
      if (end === -1) break
      cut(end, true)
      start += 1
    }
    this.#rest = Buffer.from(text.subarray(start))
    this.#restAt = timeAt(marks, offset + text.length, at)
    return pieces
  }
}

/** The next byte at or before which a UTF-8 character begins, so that no character is cut in two. */
function characterStart(text: Buffer, index: number): number {
  for (let i = index; i > index - 4; i--) if (((text[i] ?? 0) & 0xc0) !== 0x80) return i
  return index
}

async function readChunk(path: string, position: number): Promise<{ bytes: Buffer; at: number } | null> {
  try {
    const { mtimeMs } = await stat(path)
    const file = await open(path, 'r')
    try {
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, position)
      return bytesRead === 0 ? null : { bytes: buffer.subarray(0, bytesRead), at: Math.floor(mtimeMs) }
    } finally {
      await file.close()
    }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null
    throw error
  }
}

/** The place where the last `lines` lines begin, and how many there are; null lines: all of them, uncounted. */
export async function cursorAtTail(
  log: LogStream,
  lines: number | null,
): Promise<{ cursor: LogCursor; lines: number }> {
  const { generation } = log
  const files = [log.previous, log.current]
  const sizes = await Promise.all(files.map(sizeOf))
  const before = sizes[0] ?? 0
  if (lines === null) return { cursor: new LogCursor(log, generation - 1, 0), lines: 0 }
  const total = before + (sizes[1] ?? 0)
  const found = await searchBack(files, before, total, lines)
  const cursor =
    found.start < before
      ? new LogCursor(log, generation - 1, found.start)
      : new LogCursor(log, generation, found.start - before)
  return { cursor, lines: found.lines }
}

/** Looks at the files as one, from the end, in steps. */
async function searchBack(
  files: readonly string[],
  before: number,
  total: number,
  wanted: number,
): Promise<{ start: number; lines: number }> {
  let lines = 0
  if (wanted === 0) return { start: total, lines }
  for (let end = total; end > 0; ) {
    const inCurrent = end > before
    const first = Math.max(inCurrent ? before : 0, end - CHUNK_BYTES)
    const chunk = await readChunk(files[inCurrent ? 1 : 0] ?? '', first - (inCurrent ? before : 0))
    const bytes = chunk?.bytes.subarray(0, end - first) ?? Buffer.alloc(0)
    // The very last byte ends the last line; it does not begin another.
    let at = bytes.lastIndexOf(NEWLINE, end === total ? bytes.length - 2 : bytes.length - 1)
    if (end === total && bytes.length === 1) at = -1
    for (; at !== -1; at = at === 0 ? -1 : bytes.lastIndexOf(NEWLINE, at - 1)) {
      lines += 1
      if (lines === wanted) return { start: first + at + 1, lines }
    }
    end = first
  }
  return { start: 0, lines: total === 0 ? 0 : lines + 1 }
}

function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  )
}
