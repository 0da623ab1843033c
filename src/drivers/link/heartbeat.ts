import type { Http2Session } from 'node:http2'
import type { Millis } from '../../core/model/ids.ts'

const MISSES = 3

/**
 * Asks the other end again and again whether it is there, and ends the session when it was silent for three intervals. An
 * answer that this process was too busy to look at counts: silence is believed only after another look at the socket.
 */
export function keepAlive(session: Http2Session, everyMs: Millis): void {
  let missed = 0
  const timer = setInterval(() => {
    if (missed >= MISSES) {
      setImmediate(() => setImmediate(() => missed >= MISSES && session.destroy()))
      return
    }
    missed += 1
    if (session.destroyed) return
    session.ping((error) => {
      if (error === null) missed = 0
    })
  }, everyMs)
  session.once('close', () => clearInterval(timer))
}
