import { OperationalError } from '../../core/errors.ts'

/** A part of what a container or program wrote. `begins`: the first part of one frame, that is of one write. */
export interface Piece {
  readonly stream: 'stdout' | 'stderr'
  readonly data: Buffer
  readonly begins: boolean
}

const HEADER_BYTES = 8
const MOST_ERROR_BYTES = 4_096
const STREAMS = { 0: 'stdout', 1: 'stdout', 2: 'stderr', 3: 'error' } as const

/**
 * Takes apart the multiplexed stream of an engine: frames of 8 bytes of header (stream, 0, 0, 0, length) and payload.
 * A state machine over chunks that may split it anywhere; it copies no payload and keeps none, however long a frame is.
 */
export class Demultiplexer {
  readonly #header = Buffer.alloc(HEADER_BYTES)
  #headerBytes = 0
  #stream: (typeof STREAMS)[keyof typeof STREAMS] = 'stdout'
  #remaining = 0
  #begins = false
  #error = ''

  /** Whether the stream may end here: between two frames. */
  get atBoundary(): boolean {
    return this.#remaining === 0 && this.#headerBytes === 0
  }

  /** Throws UNAVAILABLE for what is no such stream, RUNTIME_REFUSED for an error that the engine sends in it. */
  *feed(chunk: Buffer): Generator<Piece> {
    let offset = 0
    while (offset < chunk.length) {
      if (this.#remaining === 0) {
        const wanted = HEADER_BYTES - this.#headerBytes
        const copied = chunk.copy(this.#header, this.#headerBytes, offset, offset + wanted)
        offset += copied
        this.#headerBytes += copied
        if (this.#headerBytes === HEADER_BYTES) this.#readHeader()
        continue
      }
      const data = chunk.subarray(offset, offset + this.#remaining)
      offset += data.length
      this.#remaining -= data.length
      if (this.#stream === 'error') this.#readError(data)
      else yield { stream: this.#stream, data, begins: this.#begins }
      this.#begins = false
    }
  }

  #readHeader(): void {
    const [type = 0, ...zeros] = this.#header.subarray(0, 4)
    const stream = STREAMS[type as keyof typeof STREAMS]
    if (stream === undefined || zeros.some((byte) => byte !== 0)) {
      throw new OperationalError('UNAVAILABLE', 'cannot read the output: the engine sends something else')
    }
    this.#stream = stream
    this.#remaining = this.#header.readUInt32BE(4)
    this.#begins = true
    this.#headerBytes = 0
  }

  #readError(data: Buffer): void {
    if (this.#error.length < MOST_ERROR_BYTES) this.#error += data.toString('utf8')
    if (this.#remaining > 0) return
    const message = this.#error.slice(0, MOST_ERROR_BYTES).trim()
    throw new OperationalError('RUNTIME_REFUSED', `cannot read the output: ${message}`)
  }
}

/**
 * The pieces of a stream of chunks. With a terminal there are no frames, and all is stdout. Pulls a chunk only when all
 * of the one before was taken, so a slow reader slows the engine down and fills no memory.
 */
export async function* pieces(chunks: AsyncIterable<Buffer>, tty: boolean): AsyncGenerator<Piece> {
  if (tty) {
    for await (const data of chunks) yield { stream: 'stdout', data, begins: false }
    return
  }
  const demultiplexer = new Demultiplexer()
  for await (const chunk of chunks) yield* demultiplexer.feed(chunk)
  if (!demultiplexer.atBoundary) {
    throw new OperationalError('UNAVAILABLE', 'cannot read the output to its end: the engine broke it off')
  }
}
