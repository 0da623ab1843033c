import type { IncomingMessage } from 'node:http'
import { OperationalError } from '../../core/errors.ts'
import type { Connection, Query } from './connection.ts'
import { answerError } from './failures.ts'

/** A line that never ends would fill the memory. */
const MAX_LINE = 1024 * 1024

/** A stream of JSON lines, one value each. A last line `{error}` is thrown. */
export async function* readLines<T>(
  connection: Connection,
  path: string,
  query: Query,
  signal: AbortSignal,
): AsyncGenerator<T, void, undefined> {
  if (signal.aborted) return
  const headers = { accept: 'application/x-ndjson' }
  const response = await connection.stream(path, query, { signal, headers }).catch((error: unknown) => {
    if (signal.aborted) return null
    throw error
  })
  if (response === null) return
  for await (const line of linesOf(response, signal)) {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null && 'error' in value)
      throw answerError(connection.target, 200, value)
    yield value as T
  }
}

/** The lines of a body, without their ends. Ends quietly when the signal aborts; UNAVAILABLE when it breaks off. */
export async function* linesOf(
  response: IncomingMessage,
  signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  response.setEncoding('utf8')
  let rest = ''
  try {
    for await (const part of response as AsyncIterable<string>) {
      const lines = (rest + part).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > MAX_LINE)
        throw new OperationalError('LIMIT_EXCEEDED', 'the server sent a line larger than 1 MiB')
      for (const line of lines) {
        if (signal.aborted) return
        yield line
      }
    }
  } catch (cause) {
    if (signal.aborted) return
    if (cause instanceof OperationalError) throw cause
    throw new OperationalError('UNAVAILABLE', 'the stream broke off', { cause })
  } finally {
    response.destroy()
  }
}
