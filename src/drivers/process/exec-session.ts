import type { ChildProcessByStdio } from 'node:child_process'
import { constants } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import { OperationalError } from '../../core/errors.ts'
import type { ExecSession } from '../../ports/runtime.ts'
import { sendSignal } from './members.ts'

// Output that nobody reads holds the program up rather than filling our memory.
const MOST_QUEUED_BYTES = 1_048_576

type Chunk = { readonly stream: 'stdout' | 'stderr'; readonly data: Uint8Array }
export type ExecChild = ChildProcessByStdio<Writable | null, Readable, Readable>

/** Makes a session of a child that leads a process group of its own. `resize` is told new sizes of its terminal. */
export function execSession(child: ExecChild, resize: (columns: number, rows: number) => void): ExecSession {
  const output = new OutputQueue(child)
  const exit = new Promise<number>((resolve, reject) => {
    child.on('error', (error) => {
      output.end()
      reject(new OperationalError('RUNTIME_REFUSED', `cannot run it: ${error.message}`, { cause: error }))
    })
    child.on('close', (code, signal) => {
      output.end()
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]))
    })
  })
  // The one who waits for it sees the failure; if nobody does, it is no fault of this process.
  exit.catch(() => undefined)
  // The program may end, or close its input, before all of it is written.
  child.stdin?.on('error', () => child.stdin?.destroy())
  return {
    output,
    write: (data) => void child.stdin?.write(data),
    endInput: () => void child.stdin?.end(),
    resize,
    exit,
    abort: () => {
      child.stdin?.destroy()
      output.discard()
      // As a terminal that is hung up would do, for programs that wait for nothing but time.
      if (child.pid !== undefined && child.exitCode === null) sendSignal(-child.pid, constants.signals.SIGHUP)
    },
  }
}

class OutputQueue implements AsyncIterable<Chunk> {
  readonly #chunks: Chunk[] = []
  readonly #sources: readonly Readable[]
  #bytes = 0
  #ended = false
  #discards = false
  #wake: () => void = () => undefined

  constructor(child: ExecChild) {
    this.#sources = [child.stdout, child.stderr]
    child.stdout.on('data', (data: Buffer) => this.#push({ stream: 'stdout', data }))
    child.stderr.on('data', (data: Buffer) => this.#push({ stream: 'stderr', data }))
  }

  end(): void {
    this.#ended = true
    this.#wake()
  }

  /** Drops what is there and what will come. */
  discard(): void {
    this.#discards = true
    this.#chunks.length = 0
    this.#resume()
    this.end()
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Chunk> {
    for (;;) {
      const chunk = this.#chunks.shift()
      if (chunk !== undefined) {
        this.#bytes -= chunk.data.length
        if (this.#bytes < MOST_QUEUED_BYTES) this.#resume()
        yield chunk
      } else if (this.#ended) {
        return
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    }
  }

  #push(chunk: Chunk): void {
    if (this.#discards) return
    this.#chunks.push(chunk)
    this.#bytes += chunk.data.length
    if (this.#bytes >= MOST_QUEUED_BYTES) for (const source of this.#sources) source.pause()
    this.#wake()
  }

  #resume(): void {
    for (const source of this.#sources) source.resume()
  }
}
