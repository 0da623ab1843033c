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

/** One that is heard. */
export interface Hearable {
  /** A message of it has come: told at once, so that it need not be looked for. */
  heard(): void
  end(): void
}

/** Times are of the time that this process has listened for. */
interface Heard extends Listener {
  readonly socket: Socket
  bytes: number
  heardAt: Millis
  lookAt: Millis
  isDoubtful: boolean
  /** Between two heartbeats, as it keeps to and as it was asked for. */
  everyMs: Millis
  askedMs: Millis
}

/**
 * Hears the heartbeats of all agents of a server: with one timer, and by the bytes that arrived, so that an agent costs
 * next to nothing between its heartbeats: for half an interval after one nobody looks for the next. Time in which this
 * process stood still itself does not count as silence.
 */
export class Hearing {
  readonly #heard = new Set<Heard>()
  readonly #heartbeatMs: () => Millis
  #lookMs: Millis = LONGEST_LOOK_MS
  #timer: NodeJS.Timeout | undefined
  #lookedAt = 0
  #listenedMs: Millis = 0

  /** `heartbeatMs`: how often agents are to say that they are there; asked again and again. */
  constructor(heartbeatMs: () => Millis) {
    this.#heartbeatMs = heartbeatMs
  }

  /** How many are heard now. */
  get count(): number {
    return this.#heard.size
  }

  add(socket: Socket, listener: Listener): Hearable {
    const everyMs = this.#heartbeatMs()
    if (this.#heard.size === 0) this.#begin()
    const now = this.#now()
    const times = { heardAt: now, lookAt: now, everyMs, askedMs: everyMs }
    const one: Heard = { ...listener, socket, bytes: socket.bytesRead, ...times, isDoubtful: false }
    this.#heard.add(one)
    return {
      heard: () => this.#hear(one, this.#now()),
      end: () => {
        this.#heard.delete(one)
        if (this.#heard.size === 0) clearTimeout(this.#timer)
      },
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
    const now = this.#now()
    this.#listenedMs = now
    this.#lookedAt = performance.now()
    const everyMs = this.#heartbeatMs()
    let paced = 0
    for (const one of this.#heard) {
      if (one.lookAt <= now) this.#judge(one, now)
      if (one.askedMs === everyMs || paced === MOST_PACED) continue
      paced += 1
      one.askedMs = everyMs
      one.onPace(everyMs, () => {
        one.everyMs = everyMs
        this.#hear(one, this.#now())
      })
    }
    clearTimeout(this.#timer)
    this.#next()
  }

  #now(): Millis {
    return this.#listenedMs + Math.min(performance.now() - this.#lookedAt, 2 * this.#lookMs)
  }

  #hear(one: Heard, now: Millis): void {
    one.bytes = one.socket.bytesRead
    one.heardAt = now
    one.lookAt = now + one.everyMs / 2
    this.#doubt(one, false)
  }

  #judge(one: Heard, now: Millis): void {
    const { everyMs } = one
    const quietMs = now - one.heardAt
    if (one.socket.bytesRead !== one.bytes) this.#hear(one, now)
    else if (quietMs >= everyMs + GIVE_UP_AFTER_MS) one.onSilence()
    else this.#doubt(one, quietMs >= everyMs + Math.min(Math.max(LEAST_LATE_MS, everyMs / 4), MOST_LATE_MS))
  }

  #doubt(one: Heard, isDoubtful: boolean): void {
    if (one.isDoubtful === isDoubtful) return
    one.isDoubtful = isDoubtful
    one.onDoubt(isDoubtful)
  }
}
