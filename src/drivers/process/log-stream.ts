import {
  appendFileSync,
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LogLine } from '../../ports/runtime.ts'
import { errorCode, replaceFile } from '../durable-text.ts'
import { formatMarks, type Mark, readMarks } from './log-marks.ts'

// Beyond this every second mark is dropped: old lines then have coarser times.
const MOST_MARKS = 4_096

/**
 * What a program writes to one of its outputs: a file that the program itself appends to, so that nothing between them
 * can block it or break. A program tells no times, so Gantry notes, while it lives, up to where the file had grown when;
 * times of lines are therefore late by up to the pause between two notes, or by the time Gantry was away.
 */
export class LogStream {
  readonly stream: LogLine['stream']
  readonly current: string
  /** What stood in the file before it was last rotated. */
  readonly previous: string
  /** Grows with each rotation. */
  generation = 0
  /** Whether it had grown when it was looked at last. */
  isGrowing = false
  readonly #directory: string
  #marks: Mark[] | null = null

  constructor(directory: string, stream: LogLine['stream']) {
    this.stream = stream
    this.#directory = directory
    this.current = join(directory, `${stream}.log`)
    this.previous = join(directory, `${stream}.1.log`)
  }

  /** Notes how far the file has grown, and returns its size in bytes. */
  mark(): number {
    const file = statSync(this.current, { throwIfNoEntry: false })
    if (file === undefined) return 0
    this.#marks ??= readMarks(this.#marksPath)
    const marked = this.#marks.at(-1)?.size ?? 0
    this.isGrowing = file.size !== marked
    if (!this.isGrowing) return file.size
    // Somebody else has cut it off, or a rotation was cut short.
    if (file.size < marked) this.#marks = []
    const mark = { size: file.size, at: Math.floor(file.mtimeMs) }
    this.#marks.push(mark)
    if (this.#marks.length > MOST_MARKS) this.#thin()
    else this.#append(mark)
    return file.size
  }

  /** Marks of the current file, or of the one before. */
  marks(which: 'current' | 'previous'): readonly Mark[] {
    if (which === 'previous') return readMarks(this.#previousMarksPath)
    this.mark()
    return this.#marks ?? []
  }

  /**
   * Moves the content away by copying and truncating once the file is larger: the program keeps it open. What it writes
   * between the last copy and the truncation, some microseconds, is lost.
   */
  async rotate(largestBytes: number): Promise<void> {
    if (this.mark() <= largestBytes) return
    const copy = `${this.previous}.tmp`
    await copyFile(this.current, copy)
    this.mark()
    this.#finishRotation(copy)
  }

  /** Without a pause, so that no reader of this process sees a part of it. */
  #finishRotation(copy: string): void {
    const from = openSync(this.current, 'r+')
    try {
      appendRest(from, copy)
      renameSync(copy, this.previous)
      ftruncateSync(from, 0)
    } finally {
      closeSync(from)
    }
    writeFileSync(this.#previousMarksPath, formatMarks(this.#marks ?? []), { mode: 0o600 })
    rmSync(this.#marksPath, { force: true })
    this.#marks = []
    this.generation += 1
  }

  #thin(): void {
    this.#marks = (this.#marks ?? []).filter((_, index, all) => index % 2 === 0 || index === all.length - 1)
    // Best effort: without the file, lines get the time of the file's last change after a restart of Gantry.
    replaceFile(this.#marksPath, formatMarks(this.#marks)).catch(() => undefined)
  }

  #append(mark: Mark): void {
    try {
      appendFileSync(this.#marksPath, formatMarks([mark]), { mode: 0o600 })
    } catch (error) {
      // On a full disk the program's own lines matter more than their times.
      if (errorCode(error) !== 'ENOSPC' && errorCode(error) !== 'ENOENT') throw error
    }
  }

  get #marksPath(): string {
    return join(this.#directory, `${this.stream}.marks`)
  }

  get #previousMarksPath(): string {
    return join(this.#directory, `${this.stream}.1.marks`)
  }
}

/** Appends what the open file has beyond the length of its copy. */
function appendRest(from: number, copy: string): void {
  const to = openSync(copy, 'a')
  try {
    const chunk = Buffer.alloc(65_536)
    let position = fstatSync(to).size
    for (let n = readSync(from, chunk, 0, chunk.length, position); n > 0; ) {
      writeSync(to, chunk, 0, n)
      position += n
      n = readSync(from, chunk, 0, chunk.length, position)
    }
  } finally {
    closeSync(to)
  }
}
