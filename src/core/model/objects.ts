import type { Cluster, Leadership, ServerRecord } from './cluster.ts'
import type { Event } from './event.ts'
import type { AccessToken, CertificateAuthority, JoinTokenRecord, RevokedCertificate } from './identity.ts'
import type { ServiceName } from './ids.ts'
import type { Desired, Dispatch, ManifestRevision } from './manifest.ts'
import type { DismissedMachine, Node } from './node.ts'
import type { ServiceSpec } from './service.ts'
import type { Task } from './task.ts'

/** What outlives a service's tasks. */
export interface ServiceRecord {
  readonly name: ServiceName
  /** Attempts of new slots start above it, so no task id is ever used twice, even after the service was removed. */
  readonly attemptFloor: number
  /** Attempts that ended before this time, and that the restart policy would leave as they are, may be tried again. */
  readonly retryAt: number | null
}

/** The outcome of a request that carried an idempotency key. */
export interface IdempotencyRecord {
  readonly requestHash: string
  readonly status: number
  readonly body: unknown
  readonly at: number
}

/** Every object that the store keeps, by the first part of its key. */
export interface ObjectTypes {
  cluster: Cluster
  leadership: Leadership
  /** `server/<name>` */
  server: ServerRecord
  desired: Desired
  /** `manifest/<number>` */
  manifest: ManifestRevision
  /** `spec/<number>/<service>` */
  spec: ServiceSpec
  /** `service/<name>` */
  service: ServiceRecord
  /** `task/<task id>` */
  task: Task
  /** `node/<id>` */
  node: Node
  /** `dismissed/<machine id>` */
  dismissed: DismissedMachine
  /** `dispatch/<uuid>` */
  dispatch: Dispatch
  /** `event/<id>`, written by the store from the drafts of a commit */
  event: Event
  /** `idempotency/<key>` */
  idempotency: IdempotencyRecord
  authority: CertificateAuthority
  /** `access/<id>` */
  access: AccessToken
  /** `token/<id>` */
  token: JoinTokenRecord
  /** `revoked/<serial>` */
  revoked: RevokedCertificate
}
export type ObjectKind = keyof ObjectTypes

export type Key<K extends ObjectKind = ObjectKind> = `${K}/${string}`

export const CLUSTER_KEY: Key<'cluster'> = 'cluster/self'
export const LEADERSHIP_KEY: Key<'leadership'> = 'leadership/self'
export const DESIRED_KEY: Key<'desired'> = 'desired/self'
export const AUTHORITY_KEY: Key<'authority'> = 'authority/self'

export function keyOf<K extends ObjectKind>(kind: K, id: string | number): Key<K> {
  return `${kind}/${id}`
}
