import type { Duplex } from 'node:stream'
import { OperationalError } from '../../core/errors.ts'

/** Whoever sends more in one message is ill or hostile; an assignment of a thousand tasks is 3 MiB. */
export const MAX_FRAME_BYTES = 16 * 1024 * 1024

const HEADER_BYTES = 4

/** One value as it goes over a stream: four bytes of length, then JSON. */
export function encodeFrame(value: unknown): Buffer {
  const text = Buffer.from(JSON.stringify(value), 'utf8')
  if (text.length > MAX_FRAME_BYTES)
    throw new OperationalError('LIMIT_EXCEEDED', `cannot send a message of ${text.length} bytes over the link`)
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32BE(text.length)
  return Buffer.concat([header, text])
}

/** Takes frames out of what arrives in pieces. */
export class FrameReader {
  #waiting: Buffer[] = []
  #bytes = 0

  /** The values that are complete now. Throws LIMIT_EXCEEDED for one that is announced as too long, USAGE for what is no JSON. */
  take(chunk: Buffer): unknown[] {
    this.#waiting.push(chunk)
    this.#bytes += chunk.length
    const values: unknown[] = []
    for (;;) {
      if (this.#bytes < HEADER_BYTES) return values
      const length = this.#head().readUInt32BE()
      if (length > MAX_FRAME_BYTES)
        throw new OperationalError('LIMIT_EXCEEDED', `a message of ${length} bytes was announced over the link`)
      if (this.#bytes < HEADER_BYTES + length) return values
      values.push(parse(this.#cut(HEADER_BYTES + length).subarray(HEADER_BYTES)))
    }
  }

  #head(): Buffer {
    const [first = Buffer.alloc(0)] = this.#waiting
    if (first.length < HEADER_BYTES) this.#waiting = [Buffer.concat(this.#waiting)]
    return this.#waiting[0] ?? first
  }

  #cut(length: number): Buffer {
    const all = this.#waiting.length === 1 ? (this.#waiting[0] as Buffer) : Buffer.concat(this.#waiting)
    this.#bytes -= length
    this.#waiting = this.#bytes === 0 ? [] : [all.subarray(length)]
    return all.subarray(0, length)
  }
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw new OperationalError('USAGE', 'a message over the link is not JSON', { cause })
  }
}

/**
 * The frames that arrive on a stream, until it ends. What is not read waits at the sender. A stream that is left before is
 * destroyed, unless something is still to be said over it.
 */
export async function* framesOf(stream: Duplex, { destroyOnReturn = true } = {}): AsyncGenerator<unknown> {
  const reader = new FrameReader()
  for await (const chunk of stream.iterator({ destroyOnReturn })) yield* reader.take(chunk as Buffer)
}
