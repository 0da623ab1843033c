import type { Socket } from 'node:net'
import type { Millis } from '../../core/model/ids.ts'
import { GIVE_UP_AFTER_MS } from './heartbeat.ts'

const LONGEST_LOOK_MS: Millis = 500
/** A heartbeat may be late by as much on a quiet day. Doubt costs a question, no more, so it may be early. */
const LEAST_LATE_MS: Millis = 100
/** Later than this it is late at any interval. */
const MOST_LATE_MS: Millis = 500
/** Agents that are asked for another interval with one look, so that thousands do not answer at once. */
const MOST_PACED = 100

export interface Listener {
  /** Nothing has come for longer than a heartbeat takes, or something comes again. */
  readonly onDoubt: (isDoubtful: boolean) => void
  /** It is time to give the other end up. */
  readonly onSilence: () => void
  /** It is to say that it is there so often from now on; `taken` is to be called when it says that it will. */
  readonly onPace: (everyMs: Millis, taken: () => void) => void
}

interface Heard extends Listener {
  readonly socket: Socket
  bytes: number
  quietMs: Millis
  /** Between two heartbeats, as it keeps to and as it was asked for. */
  everyMs: Millis
  askedMs: Millis
}

/**
 * Hears the heartbeats of all agents of a server: with one timer, and by the bytes that arrived, so that an agent costs
 * next to nothing between its heartbeats. Time in which this process stood still itself does not count as silence.
 */
export class Hearing {
  readonly #heard = new Set<Heard>()
  readonly #heartbeatMs: () => Millis
  #lookMs: Millis = LONGEST_LOOK_MS
  #timer: NodeJS.Timeout | undefined
  #lookedAt = 0

  /** `heartbeatMs`: how often agents are to say that they are there; asked again and again. */
  constructor(heartbeatMs: () => Millis) {
    this.#heartbeatMs = heartbeatMs
  }

  /** How many are heard now. */
  get count(): number {
    return this.#heard.size
  }

  /** Returns a function that ends it. */
  add(socket: Socket, listener: Listener): () => void {
    const everyMs = this.#heartbeatMs()
    const heard: Heard = { ...listener, socket, bytes: socket.bytesRead, quietMs: 0, everyMs, askedMs: everyMs }
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
    this.#lookMs = Math.min(this.#heartbeatMs() / 4, LONGEST_LOOK_MS)
    // What has arrived by then is taken in first.
    this.#timer = setTimeout(() => setImmediate(() => setImmediate(() => this.#look())), this.#lookMs)
  }

  #look(): void {
    if (this.#heard.size === 0) return
    const now = performance.now()
    const passedMs = Math.min(now - this.#lookedAt, 2 * this.#lookMs)
    this.#lookedAt = now
    const everyMs = this.#heartbeatMs()
    let paced = 0
    for (const one of this.#heard) {
      this.#judge(one, passedMs)
      if (one.askedMs === everyMs || paced === MOST_PACED) continue
      paced += 1
      one.askedMs = everyMs
      one.onPace(everyMs, () => {
        one.everyMs = everyMs
      })
    }
    clearTimeout(this.#timer)
    this.#next()
  }

  #judge(one: Heard, passedMs: Millis): void {
    const { bytesRead } = one.socket
    const { everyMs } = one
    const before = one.quietMs
    one.quietMs = bytesRead === one.bytes ? before + passedMs : 0
    one.bytes = bytesRead
    const doubtAfterMs = everyMs + Math.min(Math.max(LEAST_LATE_MS, everyMs / 4), MOST_LATE_MS)
    const was = before >= doubtAfterMs
    const is = one.quietMs >= doubtAfterMs
    if (was !== is) one.onDoubt(is)
    if (one.quietMs >= everyMs + GIVE_UP_AFTER_MS) one.onSilence()
  }
}
