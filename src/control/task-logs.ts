import { OperationalError } from '../core/errors.ts'
import type { ServiceName, TaskId } from '../core/model/ids.ts'
import { keyOf } from '../core/model/objects.ts'
import type { LogLine, LogQuery } from '../ports/runtime.ts'
import type { TaskLogLine } from './api.ts'
import { followRuns } from './follow-runs.ts'
import type { Sessions } from './sessions.ts'
import { Channel, pour } from './streams.ts'
import type { World } from './world.ts'

interface LogDeps {
  readonly world: World
  readonly sessions: Sessions
}

/** The lines of these tasks in one stream. Without follow they are sorted by time. */
export async function* taskLogs(
  tasks: readonly TaskId[],
  query: LogQuery,
  signal: AbortSignal,
  deps: LogDeps,
): AsyncIterable<TaskLogLine> {
  const ended = new AbortController()
  const both = AbortSignal.any([signal, ended.signal])
  const channel = new Channel<TaskLogLine>(both, query.follow ? 1_000 : Number.MAX_SAFE_INTEGER)
  const pouring = Promise.all(tasks.map((task) => pourTask(task, query, both, channel, deps)))
  pouring.then(
    () => channel.end(),
    (error: unknown) => channel.end(error),
  )
  try {
    if (query.follow) {
      yield* channel
      return
    }
    const lines: TaskLogLine[] = []
    for await (const line of channel) lines.push(line)
    yield* lines.sort((a, b) => a.at - b.at)
  } finally {
    ended.abort()
  }
}

/** The lines of all tasks of a service that are still kept; with follow, of those to come too. */
export async function* serviceLogs(
  name: ServiceName,
  query: LogQuery,
  signal: AbortSignal,
  deps: LogDeps,
): AsyncIterable<TaskLogLine> {
  const placed = (): TaskId[] =>
    deps.world
      .tasksOf(name)
      .filter((task) => task.status.containerId !== null)
      .map((task) => task.id)
  if (!query.follow) {
    yield* taskLogs(placed(), query, signal, deps)
    return
  }
  const ended = new AbortController()
  const both = AbortSignal.any([signal, ended.signal])
  const channel = new Channel<TaskLogLine>(both)
  const followed = new Set<TaskId>()
  let first = true
  const follow = (): void => {
    for (const task of placed()) {
      if (followed.has(task)) continue
      followed.add(task)
      // A task that came while we were watching is shown from its first line.
      const from = first ? query : { ...query, tail: null, since: null }
      pourTask(task, from, both, channel, deps).catch((error: unknown) => channel.end(error))
    }
  }
  const unfollow = deps.world.mirror.onChange(follow)
  try {
    follow()
    first = false
    yield* channel
  } finally {
    unfollow()
    ended.abort()
  }
}

async function pourTask(
  id: TaskId,
  query: LogQuery,
  signal: AbortSignal,
  channel: Channel<TaskLogLine>,
  deps: LogDeps,
): Promise<void> {
  const task = deps.world.mirror.get(keyOf('task', id))?.value
  if (task === undefined) throw new OperationalError('NOT_FOUND', `there is no task ${id}`)
  if (task.node === null) return
  const connection = deps.sessions.connection(task.node)
  if (connection === null) throw new OperationalError('UNAVAILABLE', `node ${task.node} is not connected`)
  const read = (from: LogQuery): AsyncIterable<LogLine> => connection.calls.logs(id, from, signal)
  await pour(followRuns(id, read, query, signal, deps.world), channel, (line) => ({ task: id, ...line }))
}
