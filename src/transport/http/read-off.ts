import type { IncomingMessage } from 'node:http'
import { finished } from 'node:stream/promises'

const LONGEST_MS = 5_000

/**
 * Reads and forgets what a refused request still sends, for some seconds at most: the answer to a sender that is still
 * sending would be lost with the connection.
 */
export async function readOff(request: IncomingMessage): Promise<void> {
  request.resume()
  try {
    await finished(request, { writable: false, signal: AbortSignal.timeout(LONGEST_MS) })
  } catch {
    // It went away, or does not come to an end: then it does without the answer.
  }
}
