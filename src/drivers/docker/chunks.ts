import type { IncomingMessage } from 'node:http'
import type { EngineConnection } from './connection.ts'
import { connectionFailure } from './errors.ts'

/**
 * The chunks of a streamed answer. Leaving the loop ends the connection. Throws the signal's reason when it aborts, and
 * UNAVAILABLE when the engine breaks off.
 */
export async function* chunksOf(
  response: IncomingMessage,
  { address }: EngineConnection,
  doing: string,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  try {
    yield* response as AsyncIterable<Buffer>
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw connectionFailure(error, doing, address)
  } finally {
    response.destroy()
  }
}
