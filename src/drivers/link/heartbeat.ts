import type { Http2Session } from 'node:http2'
import type { Socket } from 'node:net'
import type { Millis } from '../../core/model/ids.ts'

/** So long a heartbeat may be late, or its answer: machines that are starved of processors pause for a second or two. */
export const GIVE_UP_AFTER_MS: Millis = 3_000
/** By so much, or a quarter of the interval, an answer may be late on an ordinary day. */
export const LEAST_LATE_MS: Millis = 200

export interface HeartbeatOptions {
  /** At first; `pace` changes it. */
  readonly everyMs: Millis
  /** An answer is late, and nothing else has come either. Told again with each one that is. */
  readonly onLate: () => void
  /** The other end has not answered, nor said anything else lately. */
  readonly onSilence: () => void
}

export interface Heartbeat {
  pace(everyMs: Millis): void
  end(): void
}

/** Tells the other end again and again that this one is there, and finds out by its answers whether it is. */
export function beat(session: Http2Session, socket: Socket, options: HeartbeatOptions): Heartbeat {
  const { onLate, onSilence } = options
  let { everyMs } = options
  let ended = false
  /** Bytes that had arrived one and two intervals ago. */
  let lately = [0, 0]
  let dueAt = 0
  let deadline: NodeJS.Timeout | undefined
  const judge = (): void => {
    if (ended) return
    // An answer may wait behind other things that arrive; and a process that stood still itself has heard nobody.
    const saysSomething = socket.bytesRead !== lately[1]
    const stoodStill = performance.now() > dueAt + everyMs
    if (saysSomething || stoodStill) arm(everyMs)
    else onSilence()
  }
  const arm = (ms: Millis): void => {
    clearTimeout(deadline)
    dueAt = performance.now() + ms
    // What has arrived by then is looked at first.
    deadline = setTimeout(() => setImmediate(() => setImmediate(judge)), ms)
  }
  const ask = (): void => {
    lately = [socket.bytesRead, lately[0] ?? 0]
    if (session.destroyed) return
    const late = expectSomething(socket, Math.max(LEAST_LATE_MS, everyMs / 4), () => ended || onLate())
    session.ping((error) => {
      clearTimeout(late)
      if (error === null && !ended) arm(everyMs + GIVE_UP_AFTER_MS)
    })
  }
  let asking: NodeJS.Timeout | undefined
  const pace = (ms: Millis): void => {
    if (ended) return
    everyMs = ms
    clearInterval(asking)
    asking = setInterval(ask, everyMs)
    arm(everyMs + GIVE_UP_AFTER_MS)
    ask()
  }
  pace(everyMs)
  return {
    pace,
    end: () => {
      ended = true
      clearInterval(asking)
      clearTimeout(deadline)
    },
  }
}

/** Calls back after so long, unless something has come from the other end by then or this process stood still itself. */
function expectSomething(socket: Socket, withinMs: Millis, orElse: () => void): NodeJS.Timeout {
  const before = socket.bytesRead
  const dueAt = performance.now() + withinMs
  const judge = (): void => {
    const stoodStill = performance.now() > dueAt + withinMs
    if (socket.bytesRead === before && !stoodStill) orElse()
  }
  return setTimeout(() => setImmediate(() => setImmediate(judge)), withinMs)
}
