import type { Millis, ServiceName } from './ids.ts'
import type { ServiceSpec } from './service.ts'
import type { Task } from './task.ts'

/** A manifest after loading: all that a cluster needs to know of the user's file. */
export interface Manifest {
  readonly services: Readonly<Record<ServiceName, ServiceSpec>>
  /** Names of the placements that the file declares. */
  readonly placements: readonly string[]
}

export const REVISION_STATES = ['staged', 'progressing', 'applied', 'failed', 'superseded'] as const
/**
 * - staged: its objects are being written; no reader follows it yet.
 * - progressing: it is the desired one, and tasks are on their way.
 * - applied: every service reached it, healthy. failed: it could not be reached; it stays the desired one.
 * - superseded: another revision became the desired one before this ended.
 */
export type RevisionState = (typeof REVISION_STATES)[number]

/** One accepted manifest. Its services are objects of their own, `spec/<number>/<service>`. */
export interface ManifestRevision {
  readonly number: number
  readonly state: RevisionState
  /** Why it failed, or what it waits for. */
  readonly message: string
  /** The user's text, byte for byte. */
  readonly text: string
  readonly services: readonly ServiceName[]
  readonly placements: readonly string[]
  /** Services that the user took out with this revision; nothing else may be removed. */
  readonly removes: readonly ServiceName[]
  /** What made it: `apply`, `rollback to 3`, `scale web to 5`, ... */
  readonly cause: string
  readonly by: string
  readonly createdAt: Millis
  readonly finishedAt: Millis | null
}

/** Which manifest revision is the desired one. 0: none yet. */
export interface Desired {
  readonly revision: number
}

/** A task started by hand (`task run`, gokube's API): a job of its own, outside the manifest. */
export interface Dispatch {
  /** UUID */
  readonly id: string
  readonly name: string
  readonly spec: ServiceSpec
  readonly desired: 'running' | 'stopped'
  readonly by: string
  readonly createdAt: Millis
  /** Its newest attempt as it ended, once it was stopped and that attempt is forgotten. */
  readonly last: Task | null
}
