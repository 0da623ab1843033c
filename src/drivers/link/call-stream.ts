import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2'
import { OperationalError } from '../../core/errors.ts'
import { bytesOf } from './frames.ts'
import type { LinkSession } from './link-session.ts'
import { CALL_PATH, MAX_CALLS } from './session-limits.ts'

/** The stream of one call, at the server's end. */
export interface CallStream {
  readonly http2: ClientHttp2Stream
  /** The frames of the answer. Throws UNAVAILABLE when it breaks off. */
  readonly frames: AsyncGenerator<Buffer>
  /** Tells the agent that nobody waits any more. After the end of the answer it does nothing. */
  leave(): void
  /** What becomes of a call whose answer breaks off. */
  gone(cause?: unknown): OperationalError
}

/** Opens calls to one agent, up to as many as it takes at once. `isOpen`: whether its connection is not being closed. */
export function callOpener(
  session: LinkSession<ClientHttp2Session>,
  isOpen: () => boolean,
): (name: string) => CallStream {
  let calls = 0
  return (name) => {
    if (!isOpen()) throw session.gone()
    if (calls >= MAX_CALLS) throw new OperationalError('UNAVAILABLE', 'too many calls to one agent at once')
    const http2 = session.http2.request({ ':method': 'POST', ':path': `${CALL_PATH}${name}` }, { endStream: false })
    calls += 1
    // What goes wrong with it ends it, and is told where it is read.
    http2.on('error', () => undefined)
    http2.once('close', () => {
      calls -= 1
    })
    const gone = (cause?: unknown): OperationalError => session.gone(cause)
    const leave = (): void => {
      http2.close(constants.NGHTTP2_CANCEL)
      http2.destroy()
    }
    return { http2, frames: framesOrGone(http2, gone), leave, gone }
  }
}

/** A connection that breaks is UNAVAILABLE, like one that was never there. */
async function* framesOrGone(stream: ClientHttp2Stream, gone: CallStream['gone']): AsyncGenerator<Buffer> {
  try {
    yield* bytesOf(stream)
  } catch (error) {
    throw error instanceof OperationalError ? error : gone(error)
  }
}
