import { type FSWatcher, watch } from 'node:fs'
import type { Millis } from '../../core/model/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import type { LogLine, LogQuery } from '../../ports/runtime.ts'
import { cursorAtTail, type LogCursor, type Piece } from './log-cursor.ts'
import type { LogStream } from './log-stream.ts'

// Also looked at without a notification: where the kernel has no more watches to give, following is slow, not dead.
const LOOK_EVERY_MS: Millis = 1_000

export interface LogSource {
  readonly logs: readonly LogStream[]
  readonly directory: string
  readonly clock: Clock
  isRunning(): boolean
  /** Calls when the program may have started or ended. Returns a function that ends it. */
  onChange(call: () => void): () => void
}

/**
 * Lines of both outputs, ordered by time as far as it is known, standard output first among equals. Following ends with
 * the program; when the signal aborts, its reason is thrown.
 */
export async function* queryLogs(source: LogSource, query: LogQuery, signal: AbortSignal): AsyncGenerator<LogLine> {
  const { since } = query
  const starts = await Promise.all(source.logs.map((log) => cursorAtTail(log, query.tail)))
  const cursors = starts.map(({ cursor }) => cursor)
  // Each output gave its last lines; together they may be too many.
  let surplus = query.tail === null ? 0 : starts.reduce((sum, { lines }) => sum + lines, 0) - query.tail
  for await (const { endsLine, ...line } of pieces(source, cursors, query.follow, signal)) {
    if (surplus > 0) surplus -= endsLine ? 1 : 0
    else if (since === null || line.at >= since) yield line
  }
}

async function* pieces(
  source: LogSource,
  cursors: readonly LogCursor[],
  follow: boolean,
  signal: AbortSignal,
): AsyncGenerator<Piece> {
  using changes = follow ? new Changes(source, signal) : null
  for (;;) {
    signal.throwIfAborted()
    // Asked before reading: what it wrote until its end is then read.
    const more = changes !== null && source.isRunning()
    for await (const piece of merge(cursors, !more)) {
      signal.throwIfAborted()
      yield piece
    }
    if (!more) return
    await changes?.wait()
  }
}

/** All that is there now; `final`: with what stands after the last line's end. */
async function* merge(cursors: readonly LogCursor[], final: boolean): AsyncGenerator<Piece> {
  const queues = cursors.map((cursor) => ({ cursor, pieces: [] as Piece[], next: 0, done: false }))
  for (;;) {
    for (const queue of queues) {
      if (queue.done || queue.next < queue.pieces.length) continue
      const pieces = await queue.cursor.next()
      queue.done = pieces === null
      queue.pieces = pieces ?? (final ? queue.cursor.flush() : [])
      queue.next = 0
    }
    const filled = queues.filter(({ pieces, next }) => next < pieces.length)
    const [first, ...others] = filled
    if (first === undefined) return
    const at = (queue: typeof first): Millis => queue.pieces[queue.next]?.at ?? 0
    const earliest = others.reduce((best, queue) => (at(queue) < at(best) ? queue : best), first)
    const piece = earliest.pieces[earliest.next]
    earliest.next += 1
    if (piece !== undefined) yield piece
  }
}

/** Wakes a follower when a log has grown, the program has ended, or the follower is to end. */
class Changes {
  readonly #clock: Clock
  readonly #undo: (() => void)[] = []
  #changed = false
  #wake: () => void = () => undefined

  constructor(source: LogSource, signal: AbortSignal) {
    this.#clock = source.clock
    const notice = (): void => {
      this.#changed = true
      this.#wake()
    }
    this.#undo.push(source.onChange(notice))
    signal.addEventListener('abort', notice, { once: true })
    this.#undo.push(() => signal.removeEventListener('abort', notice))
    const watcher = watchOrNull(source.directory, notice)
    if (watcher !== null) this.#undo.push(() => watcher.close())
  }

  wait(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.callAt(this.#clock.now() + LOOK_EVERY_MS, () => this.#wake())
      this.#wake = () => {
        this.#changed = false
        this.#wake = () => undefined
        cancel()
        resolve()
      }
      if (this.#changed) this.#wake()
    })
  }

  [Symbol.dispose](): void {
    for (const undo of this.#undo) undo()
    this.#wake()
  }
}

/** null when the kernel has no more watches to give. */
export function watchOrNull(path: string, onChange: (name: string | null) => void): FSWatcher | null {
  try {
    const watcher = watch(path, { persistent: false }, (_, name) => onChange(name))
    // It was removed while it was watched.
    watcher.on('error', () => watcher.close())
    return watcher
  } catch {
    return null
  }
}
