import type { Http2Session } from 'node:http2'
import type { Socket } from 'node:net'
import type { Millis } from '../../core/model/ids.ts'

/** Answers that may stay out: one or two are lost in ordinary pauses of a busy machine. */
const MISSES = 3

export interface HeartbeatOptions {
  readonly everyMs: Millis
  /** The other end has answered. */
  readonly onBeat: () => void
  /** It has not answered for three intervals, nor said anything else lately. */
  readonly onSilence: () => void
}

/** Asks the other end again and again whether it is there. Returns a function that ends it. */
export function beat(session: Http2Session, socket: Socket, options: HeartbeatOptions): () => void {
  const { everyMs, onBeat, onSilence } = options
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
    session.ping((error) => {
      if (error !== null || ended) return
      arm(MISSES * everyMs)
      onBeat()
    })
  }
  arm(MISSES * everyMs)
  ask()
  const asking = setInterval(ask, everyMs)
  return () => {
    ended = true
    clearInterval(asking)
    clearTimeout(deadline)
  }
}
