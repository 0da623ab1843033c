import type { Http2Session } from 'node:http2'
import type { Socket } from 'node:net'
import type { Millis } from '../../core/model/ids.ts'

/** Answers that may stay out: one or two are lost in ordinary pauses of a busy machine. */
const MISSES = 3

export interface HeartbeatOptions {
  readonly everyMs: Millis
  /** The other end has answered. */
  readonly onBeat: () => void
  /** It has said nothing at all for three intervals. */
  readonly onSilence: () => void
}

/** Asks the other end again and again whether it is there. Returns a function that ends it. */
export function beat(session: Http2Session, socket: Socket, options: HeartbeatOptions): () => void {
  const { everyMs, onBeat, onSilence } = options
  const allowedMs = MISSES * everyMs
  let heardBytes = socket.bytesRead
  let armedAt = performance.now()
  const rearm = (): void => {
    heardBytes = socket.bytesRead
    armedAt = performance.now()
    deadline.refresh()
  }
  const ask = (): void => {
    if (session.destroyed) return
    session.ping((error) => {
      if (error !== null) return
      rearm()
      onBeat()
    })
  }
  const judge = (): void => {
    // Whatever arrives is a sign of life: an answer may wait behind other things. And a process that stood still itself
    // has heard nobody; it asks once more.
    const stoodStill = performance.now() - armedAt > allowedMs + everyMs
    if (socket.bytesRead === heardBytes && !stoodStill) onSilence()
    else rearm()
  }
  // What has arrived by now is looked at before.
  const deadline = setTimeout(() => setImmediate(() => setImmediate(judge)), allowedMs)
  const asking = setInterval(ask, everyMs)
  ask()
  return () => {
    clearInterval(asking)
    clearTimeout(deadline)
  }
}
