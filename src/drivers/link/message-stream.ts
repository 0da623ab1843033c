import type { Http2Stream } from 'node:http2'
import { OperationalError } from '../../core/errors.ts'
import type { Millis } from '../../core/model/ids.ts'
import { encodeFrame, FrameReader, valueIn } from './frames.ts'
import type { LinkSession } from './link-session.ts'
import { isOfLaterKind } from './read-form.ts'
import { MOST_UNSENT_BYTES } from './session-limits.ts'

/** What was sent before a connection is closed has so long to arrive. */
const CLOSE_WITHIN_MS: Millis = 1_000

export interface MessageForms<In, Out> {
  /** What this version knows; messages of other kinds are passed over. */
  readonly kinds: ReadonlySet<string>
  /** What a received value means. Throws UNAVAILABLE for what means nothing. */
  readonly read: (value: unknown) => In
  /** How a message goes over the wire. */
  readonly write: (message: Out) => unknown
}

/** The messages of a connection, at one end: in order, each or none after it. */
export class MessageStream<In, Out> {
  readonly #session: LinkSession
  readonly #stream: Http2Stream
  readonly #forms: MessageForms<In, Out>
  readonly #reader = new FrameReader()
  #handle: ((message: In) => void) | null = null
  #isClosing = false

  constructor(session: LinkSession, stream: Http2Stream, forms: MessageForms<In, Out>) {
    this.#session = session
    this.#stream = stream
    this.#forms = forms
    stream.on('error', (error) => session.end(`the messages broke off: ${error.message}`))
    stream.once('close', () => session.end('the other end closed the connection'))
  }

  get isOpen(): boolean {
    return this.#session.reason === null && !this.#isClosing
  }

  /** Sends it, or ends a connection that cannot take it. Without a connection it is lost. */
  send(message: Out): void {
    if (!this.isOpen) return
    try {
      this.#stream.write(encodeFrame(this.#forms.write(message)))
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error
      this.#session.end(error.message)
      return
    }
    if (this.#stream.writableLength > MOST_UNSENT_BYTES)
      this.#session.end('the other end does not take in its messages')
  }

  /** Begins to take in what arrives; until then it waits. */
  onMessage(handle: (message: In) => void): void {
    const begins = this.#handle === null
    this.#handle = handle
    if (!begins) return
    this.#stream.on('data', (chunk: Buffer) => this.#take(chunk))
    this.#stream.once('end', () => this.#session.end('the other end closed the connection'))
  }

  /** Closes the connection when what was sent before has arrived, or after a second. */
  close(): void {
    if (!this.isOpen) return
    this.#isClosing = true
    const reason = 'it was closed here'
    const late = setTimeout(() => this.#session.end(reason), CLOSE_WITHIN_MS)
    this.#session.onEnd(() => clearTimeout(late))
    // The other end answers the end of the messages with the end of the connection.
    this.#stream.end()
    this.#stream.resume()
  }

  #take(chunk: Buffer): void {
    const frames = this.#orEnd(() => this.#reader.take(chunk)) ?? []
    for (const frame of frames) {
      if (!this.isOpen) return
      const value = this.#orEnd(() => valueIn(frame))
      if (value === null) return
      if (isOfLaterKind(value, this.#forms.kinds)) continue
      const message = this.#orEnd(() => this.#forms.read(value))
      if (message === null) return
      this.#handle?.(message)
    }
  }

  /** What is no message ends the connection. */
  #orEnd<T>(read: () => T): T | null {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error
      this.#session.end(`the other end sent what is no message: ${error.message}`)
      return null
    }
  }
}
