import { OperationalError } from '../../core/errors.ts'
import type { PullProgress } from '../../ports/runtime.ts'
import { chunksOf } from './chunks.ts'
import type { EngineConnection } from './connection.ts'
import { parseImage } from './image-reference.ts'
import { jsonLines } from './json-lines.ts'
import { type PullLine, PullTally } from './pull-progress.ts'

export interface PullRequest {
  readonly image: string
  /** Value of the engine's header for the login to a registry; null: none. */
  readonly auth: string | null
}

/**
 * Pulls an image. Throws IMAGE_UNAVAILABLE with the engine's own words when it cannot be had: also when the engine says
 * so only in the last line of an answer that began well.
 */
export async function pullImage(
  connection: EngineConnection,
  { image, auth }: PullRequest,
  onProgress: (progress: PullProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  const doing = `pull image ${image}`
  const { name, tag } = parseImage(image)
  try {
    const response = await connection.stream({
      method: 'POST',
      path: '/images/create',
      query: { fromImage: name, ...(tag === null ? {} : { tag }) },
      doing,
      // The engine answers only when it has heard from the registry.
      timeoutMs: null,
      signal,
      ...(auth === null ? {} : { headers: { 'X-Registry-Auth': auth } }),
    })
    const tally = new PullTally(image)
    for await (const line of jsonLines(chunksOf(response, connection, doing, signal), doing)) {
      const { error } = line as PullLine
      if (error !== undefined) throw new OperationalError('IMAGE_UNAVAILABLE', `cannot ${doing}: ${error.trim()}`)
      const progress = tally.take(line as PullLine)
      if (progress !== null) onProgress(progress)
    }
  } catch (error) {
    throw unavailable(error)
  }
}

/** Whatever the engine refuses a pull with, the image cannot be had. */
function unavailable(error: unknown): unknown {
  if (!(error instanceof OperationalError)) return error
  if (error.code !== 'RUNTIME_REFUSED' && error.code !== 'NOT_FOUND') return error
  return new OperationalError('IMAGE_UNAVAILABLE', error.message, { cause: error })
}
