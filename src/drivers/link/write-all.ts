import type { Http2Stream } from 'node:http2'
import { OperationalError } from '../../core/errors.ts'

/** Why a call is not answered to its end. */
export const LEFT = new OperationalError('UNAVAILABLE', 'the other end of the link no longer waits for an answer')

/** Writes, and waits for a slow reader. Throws LEFT when there is none any more. */
export async function writeAll(stream: Http2Stream, frame: Buffer): Promise<void> {
  if (!stream.writable) throw LEFT
  if (stream.write(frame)) return
  await new Promise<void>((resolve) => {
    const done = (): void => {
      stream.off('drain', done)
      stream.off('aborted', done)
      stream.off('close', done)
      resolve()
    }
    stream.once('drain', done)
    stream.once('aborted', done)
    stream.once('close', done)
  })
  if (!stream.writable) throw LEFT
}
