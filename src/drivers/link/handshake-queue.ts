import type { Socket } from 'node:net'
import type { Millis } from '../../core/model/ids.ts'

/** Enough for a thousand in a second of those that need a tenth of one for their part. */
const MOST_AT_ONCE = 100
/** One that takes longer holds up nobody else. */
const COUNTS_FOR_MS: Millis = 500
/** What somebody may say before it is his turn. */
const MOST_EARLY_BYTES = 64 * 1024

/** Where a connection comes from; of all that are open no other one does. */
type Origin = string

interface Waiting {
  readonly socket: Socket
  /** Ends the waiting, and gives back what was said meanwhile. */
  readonly end: () => Buffer
}

/**
 * Connections that have not shown yet who they are. A handshake costs more than all that follows, so when thousands come at once
 * they are served one after the other: the first are through at once, instead of all of them after the last, and whoever
 * gives up while he waits has cost nothing.
 */
export class HandshakeQueue {
  readonly #begin: (socket: Socket) => void
  readonly #running = new Map<Origin, NodeJS.Timeout>()
  readonly #waiting = new Map<Origin, Waiting>()

  /** `begin`: begins the handshake of a connection whose turn it is. */
  constructor(begin: (socket: Socket) => void) {
    this.#begin = begin
  }

  add(socket: Socket): void {
    const origin = originOf(socket)
    socket.once('close', () => {
      this.#waiting.delete(origin)
      this.#done(origin)
    })
    if (this.#running.size < MOST_AT_ONCE) this.#run(origin, socket)
    else this.#waiting.set(origin, keepWaiting(socket))
  }

  /** Its handshake has succeeded. */
  done(socket: Socket): void {
    this.#done(originOf(socket))
  }

  #done(origin: Origin): void {
    const timer = this.#running.get(origin)
    if (timer === undefined) return
    clearTimeout(timer)
    this.#running.delete(origin)
    const [next] = this.#waiting
    if (next !== undefined) this.#resume(...next)
  }

  #resume(origin: Origin, { socket, end }: Waiting): void {
    this.#waiting.delete(origin)
    const early = end()
    if (early.length > 0) socket.unshift(early)
    this.#run(origin, socket)
  }

  #run(origin: Origin, socket: Socket): void {
    const timer = setTimeout(() => this.#done(origin), COUNTS_FOR_MS)
    this.#running.set(origin, timer)
    this.#begin(socket)
  }
}

/** What it says meanwhile is kept: only who listens is told that the other end has gone. */
function keepWaiting(socket: Socket): Waiting {
  const early: Buffer[] = []
  let bytes = 0
  const take = (chunk: Buffer): void => {
    bytes += chunk.length
    if (bytes > MOST_EARLY_BYTES) socket.destroy()
    else early.push(chunk)
  }
  const leave = (): void => void socket.destroy()
  socket.on('data', take).on('end', leave).on('error', leave)
  const end = (): Buffer => {
    socket.pause()
    socket.off('data', take).off('end', leave).off('error', leave)
    return Buffer.concat(early)
  }
  return { socket, end }
}

function originOf({ remoteAddress, remotePort }: Socket): Origin {
  return `${remoteAddress} ${remotePort}`
}
