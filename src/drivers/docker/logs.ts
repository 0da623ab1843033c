import type { LogLine, LogQuery } from '../../ports/runtime.ts'
import { chunksOf } from './chunks.ts'
import type { EngineConnection } from './connection.ts'
import { pieces } from './demux.ts'
import { LogLines } from './log-lines.ts'

export interface LogSource {
  readonly id: string
  /** With a terminal the log has no frames. */
  readonly tty: boolean
}

/** Reads a container's log. Leaving the loop, or the signal, ends the engine's stream at once. */
export async function* readLogs(
  connection: EngineConnection,
  { id, tty }: LogSource,
  query: LogQuery,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  signal.throwIfAborted()
  const doing = `read the log of container ${id.slice(0, 12)}`
  const response = await connection.stream({
    method: 'GET',
    path: `/containers/${id}/logs`,
    doing,
    signal,
    query: {
      stdout: 1,
      stderr: 1,
      timestamps: 1,
      follow: query.follow ? 1 : 0,
      tail: query.tail ?? 'all',
      ...(query.since === null ? {} : { since: seconds(query.since) }),
    },
  })
  const lines = new LogLines({ tty })
  // Some engines know `since` only by the second.
  const isWanted = ({ at }: LogLine): boolean => query.since === null || at >= query.since
  for await (const piece of pieces(chunksOf(response, connection, doing, signal), tty)) {
    for (const line of lines.feed(piece)) if (isWanted(line)) yield line
  }
  for (const line of lines.finish()) if (isWanted(line)) yield line
}

function seconds(ms: number): string {
  return `${Math.floor(ms / 1000)}.${String(ms % 1000).padStart(3, '0')}`
}
