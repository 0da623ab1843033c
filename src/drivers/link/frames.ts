import type { Duplex } from 'node:stream'
import { OperationalError } from '../../core/errors.ts'

/** Whoever sends more in one message is ill or hostile; an assignment of a thousand tasks is 3 MiB. */
export const MAX_FRAME_BYTES = 16 * 1024 * 1024

const HEADER_BYTES = 4

/** Bytes as they go over a stream: four bytes of length, then themselves. Throws LIMIT_EXCEEDED. */
export function encodeBytes(bytes: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + checked(bytes.length))
  frame.writeUInt32BE(bytes.length)
  frame.set(bytes, HEADER_BYTES)
  return frame
}

/** One value as it goes over a stream: four bytes of length, then JSON. Throws LIMIT_EXCEEDED. */
export function encodeFrame(value: unknown): Buffer {
  const text = JSON.stringify(value)
  const length = checked(Buffer.byteLength(text))
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length)
  frame.writeUInt32BE(length)
  frame.write(text, HEADER_BYTES)
  return frame
}

function checked(length: number): number {
  if (length <= MAX_FRAME_BYTES) return length
  throw new OperationalError('LIMIT_EXCEEDED', `cannot send a message of ${length} bytes over the link`)
}

/** Takes frames out of what arrives in pieces. */
export class FrameReader {
  readonly #most: number
  #waiting: Buffer[] = []
  #bytes = 0

  constructor(most = MAX_FRAME_BYTES) {
    this.#most = most
  }

  /** The frames that are complete now. Throws LIMIT_EXCEEDED for one that is announced as too long. */
  take(chunk: Buffer): Buffer[] {
    this.#waiting.push(chunk)
    this.#bytes += chunk.length
    const frames: Buffer[] = []
    while (this.#bytes >= HEADER_BYTES) {
      const length = this.#head().readUInt32BE()
      if (length > this.#most)
        throw new OperationalError('LIMIT_EXCEEDED', `a message of ${length} bytes was announced over the link`)
      if (this.#bytes < HEADER_BYTES + length) break
      frames.push(this.#cut(HEADER_BYTES + length).subarray(HEADER_BYTES))
    }
    return frames
  }

  /** Whether what has arrived ends within a frame. */
  get isCutOff(): boolean {
    return this.#bytes > 0
  }

  #head(): Buffer {
    const [first] = this.#waiting
    return first === undefined || first.length < HEADER_BYTES ? this.#join() : first
  }

  #cut(length: number): Buffer {
    const all = this.#join()
    this.#bytes -= length
    this.#waiting = this.#bytes === 0 ? [] : [all.subarray(length)]
    return all.subarray(0, length)
  }

  #join(): Buffer {
    const [first] = this.#waiting
    if (first !== undefined && this.#waiting.length === 1) return first
    const all = Buffer.concat(this.#waiting)
    this.#waiting = [all]
    return all
  }
}

/** The value in a frame. Throws UNAVAILABLE for what is no JSON. */
export function valueIn(frame: Buffer): unknown {
  try {
    return JSON.parse(frame.toString('utf8'))
  } catch (cause) {
    throw new OperationalError('UNAVAILABLE', 'a message over the link is not JSON', { cause })
  }
}

export interface Reading {
  /** Whether a stream that is left before its end is destroyed; left out: it is. Else something is still to be said over it. */
  readonly destroyOnReturn?: boolean
  /** Bytes that a frame may have; left out: 16 MiB. */
  readonly most?: number
}

/**
 * The frames that arrive on a stream, until it ends. What is not read waits at the sender. Throws UNAVAILABLE for one that
 * ends within a frame, LIMIT_EXCEEDED for a frame that is announced as too long.
 */
export async function* bytesOf(stream: Duplex, options: Reading = {}): AsyncGenerator<Buffer> {
  const { destroyOnReturn = true, most = MAX_FRAME_BYTES } = options
  const reader = new FrameReader(most)
  for await (const chunk of stream.iterator({ destroyOnReturn })) yield* reader.take(chunk as Buffer)
  if (reader.isCutOff) throw new OperationalError('UNAVAILABLE', 'the other end of the link broke off within a message')
}

/** The values that arrive on a stream, as `bytesOf` has their frames. */
export async function* framesOf(stream: Duplex, options: Reading = {}): AsyncGenerator<unknown> {
  for await (const frame of bytesOf(stream, options)) yield valueIn(frame)
}
