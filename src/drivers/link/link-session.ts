import type { Http2Session } from 'node:http2'
import type { Socket } from 'node:net'
import { OperationalError } from '../../core/errors.ts'
import { meansSomethingToOthers } from './address.ts'

/** One end of a connection between an agent and a server, from the first byte of HTTP/2 on. It ends once, with a reason. */
export class LinkSession<S extends Http2Session = Http2Session> {
  readonly http2: S
  /** The address of this machine that it has, if that means something to other machines. */
  readonly ownAddress: string | null
  readonly #socket: Socket
  readonly #onEnd: (() => void)[] = []
  #reason: string | null = null

  constructor(http2: S, socket: Socket) {
    this.http2 = http2
    this.#socket = socket
    const { localAddress = '' } = socket
    this.ownAddress = meansSomethingToOthers(localAddress) ? localAddress : null
    const broke = (error: NodeJS.ErrnoException): void =>
      this.end(`the connection broke: ${error.code ?? error.message}`)
    http2.on('error', broke)
    socket.on('error', broke)
    const left = (): void => this.end('the other end closed the connection')
    http2.once('goaway', left)
    http2.once('close', left)
    socket.once('close', left)
  }

  /** Why it is over; null: it is not. */
  get reason(): string | null {
    return this.#reason
  }

  /** Ends it at once; what waits to be sent is lost. Only the first reason counts. */
  end(reason: string): void {
    if (this.#reason !== null) return
    this.#reason = reason
    this.http2.destroy()
    this.#socket.destroy()
    setImmediate(() => {
      for (const call of this.#onEnd.splice(0)) call()
    })
  }

  /** Calls once, in a later turn, when it is over; whoever asks after that is told too. */
  onEnd(call: () => void): void {
    if (this.#reason === null || this.#onEnd.length > 0) this.#onEnd.push(call)
    else setImmediate(call)
  }

  /** What becomes of a call that nobody will answer any more. */
  gone(cause?: unknown): OperationalError {
    const why = this.#reason ?? 'a call was cut off'
    return new OperationalError('UNAVAILABLE', `the connection to the other end of the link is gone: ${why}`, { cause })
  }
}
