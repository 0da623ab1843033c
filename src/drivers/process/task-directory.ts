import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { TaskId } from '../../core/model/ids.ts'

/**
 * Where one task's things are, below `<data directory>/processes`. The name of the directory is the container's id and
 * gives back the task's id, even if all that is in it is lost.
 */
export interface TaskDirectory {
  readonly id: string
  readonly path: string
  /** What the task was made from; written before anything else. */
  readonly order: string
  /** What the shim writes: `started`, `exit`, `refusal`; and `closed`, what Gantry found out after the end. */
  readonly state: string
  readonly logs: string
  /** The working directory of a program that is given no other. */
  readonly cwd: string
}

// File names end at 255 bytes on every common file system; the temporary name while it is removed is longer.
const LONGEST_NAME = 200

/**
 * The container's id of a task, unlike that of any other cluster's; null when the task's id is too long for a file name.
 */
export function containerIdOf(taskId: TaskId, clusterId: string): string | null {
  const name = `${encodeURIComponent(taskId).replace(/^\./, '%2E')}${suffixOf(clusterId)}`
  return name.length <= LONGEST_NAME ? name : null
}

/** The inverse of `containerIdOf`; null for a name that it does not give in this cluster. */
export function taskIdOf(containerId: string, clusterId: string): TaskId | null {
  const suffix = suffixOf(clusterId)
  if (!containerId.endsWith(suffix)) return null
  try {
    const taskId = decodeURIComponent(containerId.slice(0, -suffix.length))
    return containerIdOf(taskId, clusterId) === containerId ? taskId : null
  } catch (error) {
    if (error instanceof URIError) return null
    throw error
  }
}

/** Begins with a character that is never in an encoded task id. */
function suffixOf(clusterId: string): string {
  return `@${createHash('sha256').update(clusterId).digest('hex').slice(0, 8)}`
}

export function taskDirectory(processesDir: string, id: string): TaskDirectory {
  const path = join(processesDir, id)
  return {
    id,
    path,
    order: join(path, 'order.json'),
    state: join(path, 'state'),
    logs: join(path, 'logs'),
    cwd: join(path, 'cwd'),
  }
}
