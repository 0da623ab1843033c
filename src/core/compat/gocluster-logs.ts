import type { Event, EventKind } from '../model/event.ts'
import type { Millis } from '../model/ids.ts'

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

function levelOf(kind: EventKind): GoclusterLog['level'] {
  if (ERROR.includes(kind)) return 'ERROR'
  return WARN.includes(kind) ? 'WARN' : 'INFO'
}
