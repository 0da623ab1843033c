import { setTimeout as pause } from 'node:timers/promises'
import { OperationalError } from '../../core/errors.ts'
import type { Millis } from '../../core/model/ids.ts'
import { chunksOf } from './chunks.ts'
import type { EngineConnection } from './connection.ts'
import { garbled } from './errors.ts'
import type { OwnContainer } from './own-containers.ts'

// A killed process ends at once, unless the kernel itself holds it, as on a dead network disk.
const KILLED_MS = 30_000

/** Sends the signal, waits up to the grace, then kills. Resolves when it has ended; at once when it does not run. */
export async function stopContainer(
  connection: EngineConnection,
  container: OwnContainer,
  options: { readonly signal: string; readonly graceMs: Millis },
): Promise<void> {
  const leave = new AbortController()
  const end = ended(connection, container, leave.signal)
  // Who awaits it below sees the failure; a call that fails before that is told instead.
  end.catch(() => undefined)
  try {
    if (options.graceMs > 0) {
      if (!(await sendSignal(connection, container, options.signal))) return
      if (await within(end, options.graceMs)) return
    }
    if (!(await sendSignal(connection, container, 'SIGKILL'))) return
    if (await within(end, KILLED_MS)) return
  } finally {
    leave.abort()
  }
  throw new OperationalError('TIMEOUT', `cannot stop container ${container.taskId}: it was killed and has not ended`)
}

/** Resolves when the container does not run. On a connection of its own: many waits must not hold up other calls. */
async function ended(connection: EngineConnection, { id, taskId }: OwnContainer, signal: AbortSignal): Promise<void> {
  const doing = `wait for container ${taskId}`
  try {
    const response = await connection.stream({
      method: 'POST',
      path: `/containers/${id}/wait`,
      query: { condition: 'not-running' },
      doing,
      // Some engines send the head only with the end.
      timeoutMs: null,
      signal,
    })
    const answer: Buffer[] = []
    for await (const chunk of chunksOf(response, connection, doing, signal)) answer.push(chunk)
    if (answer.length === 0) throw garbled(doing, 'is empty')
  } catch (error) {
    if (error instanceof OperationalError && error.code === 'NOT_FOUND') return
    throw error
  }
}

/** False when it does not run. */
async function sendSignal(
  connection: EngineConnection,
  { id, taskId }: OwnContainer,
  signal: string,
): Promise<boolean> {
  const { status } = await connection.call({
    method: 'POST',
    path: `/containers/${id}/kill`,
    query: { signal },
    doing: `send ${signal} to container ${taskId}`,
    accept: [404, 409],
  })
  return status < 400
}

async function within(work: Promise<void>, ms: Millis): Promise<boolean> {
  const timer = new AbortController()
  const late = pause(ms, false, { signal: timer.signal }).catch(() => false)
  try {
    return await Promise.race([work.then(() => true), late])
  } finally {
    timer.abort()
  }
}
