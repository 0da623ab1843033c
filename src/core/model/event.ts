import type { Millis } from './ids.ts'

export const EVENT_KINDS = [
  'cluster.created',
  'cluster.changed',
  'cluster.incarnation',
  'cluster.settled',
  'cluster.upgraded',
  'server.changed',
  'leader.elected',
  'node.admitted',
  'node.joined',
  'node.changed',
  'node.removed',
  'node.fenced',
  'node.replaced',
  'docker.run',
  'server.removed',
  'manifest.accepted',
  'manifest.applied',
  'manifest.failed',
  'manifest.superseded',
  'service.scaled',
  'service.restarted',
  'task.created',
  'task.assigned',
  'task.refused',
  'task.state',
  'task.ready',
  'task.unready',
  'task.restarted',
  'task.stopping',
  'task.removed',
  'dispatch.created',
  'dispatch.stopped',
  'dispatch.ended',
  'guard.blocked',
  'token.created',
  'token.revoked',
  'authority.prepared',
  'secret.changed',
  'authority.switched',
  'authority.changed',
  'key.prepared',
  'key.switched',
  'key.changed',
] as const
export type EventKind = (typeof EVENT_KINDS)[number]

/** What is said when something happens; the store adds id and order. */
export interface EventDraft {
  readonly kind: EventKind
  /** The object it is about: `task/web.1.1`, `service/web`, `manifest/3`, `node/1`. */
  readonly object: string
  /** The service it belongs to, for filters; null: none. */
  readonly service: string | null
  /** One sentence: what, and why. */
  readonly message: string
  /** Who or what caused it: a user, `control`, `agent 1`. */
  readonly by: string
  readonly at: Millis
}

/** What the id of an event looks like: the revision of its commit, and its place there. */
export const EVENT_ID: RegExp = /^\d{16}\.\d{3,}$/

/** An appended record of what happened. */
export interface Event extends EventDraft {
  /** Sorts in the order of happening; a stream resumes after it. */
  readonly id: string
}
