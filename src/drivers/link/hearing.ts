import type { Socket } from 'node:net'
import type { Millis } from '../../core/model/ids.ts'
import { GIVE_UP_AFTER_MS } from './heartbeat.ts'

const LONGEST_LOOK_MS: Millis = 500
/** A heartbeat may be late by as much on a quiet day. Doubt costs a question, no more, so it may be early. */
const LEAST_LATE_MS: Millis = 100

export interface Listener {
  /** Nothing has come for longer than a heartbeat takes, or something comes again. */
  readonly onDoubt: (isDoubtful: boolean) => void
  /** It is time to give the other end up. */
  readonly onSilence: () => void
}

interface Heard extends Listener {
  readonly socket: Socket
  bytes: number
  quietMs: Millis
}

/**
 * Hears the heartbeats of all agents of a server: with one timer, and by the bytes that arrived, so that an agent costs
 * next to nothing between its heartbeats. Time in which this process stood still itself does not count as silence.
 */
export class Hearing {
  readonly #heard = new Set<Heard>()
  readonly #doubtAfterMs: Millis
  readonly #endAfterMs: Millis
  readonly #lookMs: Millis
  #timer: NodeJS.Timeout | undefined
  #lookedAt = 0

  constructor(heartbeatMs: Millis) {
    this.#doubtAfterMs = heartbeatMs + Math.max(LEAST_LATE_MS, heartbeatMs / 4)
    this.#endAfterMs = heartbeatMs + GIVE_UP_AFTER_MS
    this.#lookMs = Math.min(heartbeatMs / 4, LONGEST_LOOK_MS)
  }

  /** Returns a function that ends it. */
  add(socket: Socket, listener: Listener): () => void {
    const heard: Heard = { ...listener, socket, bytes: socket.bytesRead, quietMs: 0 }
    this.#heard.add(heard)
    if (this.#heard.size === 1) this.#begin()
    return () => {
      this.#heard.delete(heard)
      if (this.#heard.size === 0) clearTimeout(this.#timer)
    }
  }

  #begin(): void {
    this.#lookedAt = performance.now()
    this.#next()
  }

  #next(): void {
    // What has arrived by then is taken in first.
    this.#timer = setTimeout(() => setImmediate(() => setImmediate(() => this.#look())), this.#lookMs)
  }

  #look(): void {
    if (this.#heard.size === 0) return
    const now = performance.now()
    const passedMs = Math.min(now - this.#lookedAt, 2 * this.#lookMs)
    this.#lookedAt = now
    for (const one of this.#heard) this.#judge(one, passedMs)
    clearTimeout(this.#timer)
    this.#next()
  }

  #judge(one: Heard, passedMs: Millis): void {
    const { bytesRead } = one.socket
    const before = one.quietMs
    one.quietMs = bytesRead === one.bytes ? before + passedMs : 0
    one.bytes = bytesRead
    const was = before >= this.#doubtAfterMs
    const is = one.quietMs >= this.#doubtAfterMs
    if (was !== is) one.onDoubt(is)
    if (one.quietMs >= this.#endAfterMs) one.onSilence()
  }
}
