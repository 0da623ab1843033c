import type { TLSSocket } from 'node:tls'
import { OperationalError } from '../../core/errors.ts'
import type { Millis, NodeId } from '../../core/model/ids.ts'
import type { Peer, PeerMessage } from '../../ports/peers.ts'
import { encodeFrame, FrameReader, valueIn } from './frames.ts'
import { PEER_KINDS, type PeerFrame, peerFrame } from './peer-form.ts'
import { isOfLaterKind, readForm } from './read-form.ts'
import { MOST_UNSENT_BYTES } from './session-limits.ts'

/** As many of its signs of life may be missing. */
const MOST_MISSED = 6

export interface PeerConnectionOptions {
  readonly id: NodeId
  /** Whether the end with the lower id has dialled: of two connections that one stays. */
  readonly byLower: boolean
  /** Where others dial this server. */
  readonly address: string
  /** How often each end says that it is there. */
  readonly everyMs: Millis
  /** The other end has said where it is dialled: from now on messages arrive. */
  readonly onHello: (connection: PeerConnection, address: string) => void
  readonly onMessage: (connection: PeerConnection, message: PeerMessage) => void
  readonly onEnd: (connection: PeerConnection, reason: string) => void
}

/** A connection between two servers that keep the state in their memories: frames both ways, and signs of life. */
export class PeerConnection implements Peer {
  readonly id: NodeId
  readonly byLower: boolean
  readonly #socket: TLSSocket
  readonly #options: PeerConnectionOptions
  readonly #reader = new FrameReader()
  readonly #living: NodeJS.Timeout
  #missed = 0
  #isOver = false

  constructor(socket: TLSSocket, options: PeerConnectionOptions) {
    this.id = options.id
    this.byLower = options.byLower
    this.#socket = socket
    this.#options = options
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('error', (error: NodeJS.ErrnoException) => this.end(error.code ?? error.message))
    socket.once('close', () => this.end('the other end closed the connection'))
    this.#living = setInterval(() => this.#beat(), options.everyMs)
    this.#write({ kind: 'hello', address: options.address })
  }

  send(message: PeerMessage): void {
    this.#write(message)
  }

  end(reason: string): void {
    if (this.#isOver) return
    this.#isOver = true
    clearInterval(this.#living)
    this.#socket.destroy()
    this.#options.onEnd(this, reason)
  }

  /** A process that stood still itself counts one turn, and then hears what has arrived meanwhile. */
  #beat(): void {
    this.#missed += 1
    if (this.#missed > MOST_MISSED) this.end('the other end is silent')
    else this.#write({ kind: 'alive' })
  }

  #write(frame: PeerFrame): void {
    if (this.#isOver) return
    try {
      this.#socket.write(encodeFrame(frame))
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error
      this.end(error.message)
      return
    }
    if (this.#socket.writableLength > MOST_UNSENT_BYTES) this.end('the other end does not take in what it is told')
  }

  #take(chunk: Buffer): void {
    this.#missed = 0
    for (const value of this.#valuesIn(chunk)) {
      if (this.#isOver) return
      if (isOfLaterKind(value, PEER_KINDS)) continue
      const frame = this.#read(value)
      if (frame === null) return
      if (frame.kind === 'hello') this.#options.onHello(this, frame.address)
      else if (frame.kind !== 'alive') this.#options.onMessage(this, frame)
    }
  }

  #valuesIn(chunk: Buffer): readonly unknown[] {
    try {
      return this.#reader.take(chunk).map(valueIn)
    } catch (error) {
      return this.#foreign(error) ?? []
    }
  }

  #read(value: unknown): PeerFrame | null {
    try {
      return readForm(peerFrame, value, 'a message of a server')
    } catch (error) {
      return this.#foreign(error)
    }
  }

  /** What is no message ends the connection. */
  #foreign(error: unknown): null {
    if (!(error instanceof OperationalError)) throw error
    this.end(error.message)
    return null
  }
}
