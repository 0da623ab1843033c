import type { Duplex } from 'node:stream'
import type { Millis } from '../../core/model/ids.ts'
import type { WireError } from '../wire.ts'

/** The other end takes the answer in and closes; one that does not keeps no connection open by that. */
const CLOSES_WITHIN_MS: Millis = 2_000

/** Answers over a connection that the HTTP server has given up, as whole HTTP, and closes it. */
export function lastAnswer(socket: Duplex, wire: WireError): void {
  const body = JSON.stringify(wire)
  const head = [
    `HTTP/1.1 ${wire.error.status} ${wire.error.code}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ]
  closeSoon(socket)
  // What still comes is read and forgotten: with unread bytes the answer would be lost.
  socket.resume().end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

/** Closes a connection for good within two seconds; what is written to it until then is sent if it can be. */
export function closeSoon(socket: Duplex): void {
  const late = setTimeout(() => socket.destroy(), CLOSES_WITHIN_MS)
  socket.once('close', () => clearTimeout(late))
}
