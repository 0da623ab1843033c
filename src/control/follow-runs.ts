import type { Millis, TaskId } from '../core/model/ids.ts'
import { keyOf } from '../core/model/objects.ts'
import { isTerminal, type Task } from '../core/model/task.ts'
import type { LogLine, LogQuery } from '../ports/runtime.ts'
import type { World } from './world.ts'

/**
 * The log lines of a task through all of its runs. A runtime's stream ends with the run; after a restart in place the
 * next stream goes on behind the last line that was seen.
 */
export async function* followRuns(
  id: TaskId,
  read: (query: LogQuery) => AsyncIterable<LogLine>,
  query: LogQuery,
  signal: AbortSignal,
  world: World,
): AsyncIterable<LogLine> {
  const seen = new LastMoment()
  for (let from: LogQuery | null = query; from !== null; ) {
    const run = taskOf(world, id)?.status.startedAt ?? null
    for await (const line of seen.newOf(read(from))) yield line
    const next = query.follow ? await nextRun(id, run, signal, world) : null
    from = next === null ? null : { follow: true, tail: null, since: seen.at ?? next }
  }
}

/** Remembers when the last line was written, and how many were at that moment: a stream that begins then repeats those. */
class LastMoment {
  #at: Millis | null = null
  #lines = 0

  get at(): Millis | null {
    return this.#at
  }

  /** Leaves out the lines that were seen before. */
  async *newOf(lines: AsyncIterable<LogLine>): AsyncIterable<LogLine> {
    const begin = this.#at
    let repeated = this.#lines
    for await (const line of lines) {
      if (line.at === begin && repeated > 0) {
        repeated -= 1
        continue
      }
      this.#lines = line.at === this.#at ? this.#lines + 1 : 1
      this.#at = line.at
      yield line
    }
  }
}

/** When the task's next run after that one has begun; null: it ended for good, or nobody waits any more. */
function nextRun(id: TaskId, run: Millis | null, signal: AbortSignal, world: World): Promise<Millis | null> {
  return new Promise((resolve) => {
    const end = (startedAt: Millis | null): void => {
      unfollow()
      signal.removeEventListener('abort', onAbort)
      resolve(startedAt)
    }
    const look = (): void => {
      const task = taskOf(world, id)
      if (task === null || isTerminal(task.status.state)) end(null)
      else if (task.status.startedAt !== null && task.status.startedAt !== run) end(task.status.startedAt)
    }
    const onAbort = (): void => end(null)
    const unfollow = world.mirror.onChange(look)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) end(null)
    else look()
  })
}

function taskOf(world: World, id: TaskId): Task | null {
  return world.mirror.get(keyOf('task', id))?.value ?? null
}
