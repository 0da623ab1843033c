import type { Event, EventKind } from '../model/event.ts'
import type { Millis } from '../model/ids.ts'
import type { Node } from '../model/node.ts'

/** A line of GoCluster's log page. */
export interface GoclusterLog {
  readonly level: 'INFO' | 'WARN' | 'ERROR'
  readonly message: string
  readonly timestamp: string
  readonly source: string
}

const WARN: readonly EventKind[] = ['task.refused', 'task.unready', 'task.restarted', 'guard.blocked']
const ERROR: readonly EventKind[] = ['manifest.failed']

/** Events as lines of a log, the newest first. `iso` prints a time. */
export function goclusterLogs(events: readonly Event[], iso: (at: Millis) => string): readonly GoclusterLog[] {
  return events.toReversed().map(({ kind, message, at, object }) => {
    return { level: levelOf(kind), message, timestamp: iso(at), source: object }
  })
}

/** A line of a log as the command line prints it. */
export function goclusterLogLine({ level, message, timestamp, source }: GoclusterLog): string {
  return `${timestamp} ${level} ${message} (${source})`
}

/** Whether an event is about a node: itself, its agent or server, or a task that is there now. */
export function isAboutNode(event: Event, node: Pick<Node, 'id' | 'name'>, tasks: ReadonlySet<string>): boolean {
  const { object, by, kind, message } = event
  if (object === `node/${node.id}` || by === `agent ${node.id}`) return true
  if (kind === 'leader.elected' && message.startsWith(`${node.name} leads`)) return true
  return object.startsWith('task/') && tasks.has(object.slice('task/'.length))
}

/** When a node that is away was last known to answer: what users do to its record says nothing of it. `events`: the oldest first. */
export function lastWordOf(node: Pick<Node, 'id' | 'joinedAt'>, events: readonly Event[]): Millis {
  const own = events.findLast(
    ({ object, by }) => object === `node/${node.id}` && (by === 'control' || by === `agent ${node.id}`),
  )
  return own?.at ?? node.joinedAt
}

function levelOf(kind: EventKind): GoclusterLog['level'] {
  if (ERROR.includes(kind)) return 'ERROR'
  return WARN.includes(kind) ? 'WARN' : 'INFO'
}
