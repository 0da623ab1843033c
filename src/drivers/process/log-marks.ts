import { readFileSync } from 'node:fs'
import type { Millis } from '../../core/model/ids.ts'
import { errorCode } from '../durable-text.ts'

/** The first `size` bytes of a log were there at `at`. */
export interface Mark {
  readonly size: number
  readonly at: Millis
}

export function formatMarks(marks: readonly Mark[]): string {
  return marks.map(({ size, at }) => `${size} ${at}\n`).join('')
}

/** Reads marks from a file; lines that are damaged or out of order are left out. */
export function readMarks(path: string): Mark[] {
  const marks: Mark[] = []
  for (const line of textOf(path).split('\n')) {
    const match = /^(\d+) (\d+)$/.exec(line)
    if (match === null) continue
    const mark = { size: Number(match[1]), at: Number(match[2]) }
    if (mark.size > (marks.at(-1)?.size ?? 0)) marks.push(mark)
  }
  return marks
}

/** When the byte before this offset was surely written; `fallback` after the last mark. */
export function timeAt(marks: readonly Mark[], offset: number, fallback: Millis): Millis {
  let low = 0
  let high = marks.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((marks[middle]?.size ?? 0) >= offset) high = middle
    else low = middle + 1
  }
  return marks[low]?.at ?? fallback
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return ''
    throw error
  }
}
