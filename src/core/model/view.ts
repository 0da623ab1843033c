import type { Cluster, Leadership } from './cluster.ts'
import type { Event } from './event.ts'
import type { JoinTokenRecord, KeyChange, Rotation } from './identity.ts'
import type { Millis, NodeId, ServiceName, Slot, TaskId } from './ids.ts'
import type { Dispatch, ManifestRevision } from './manifest.ts'
import type { Node } from './node.ts'
import type { RuntimeKind, ServiceHealth, ServiceMode, ServiceSpec } from './service.ts'
import type { PortBinding, Task, TaskState } from './task.ts'

/** A join token as listings and the API show it: all but what proves it. */
export type JoinTokenView = Omit<JoinTokenRecord, 'secretHash'>

/** The certificate authority, and how far a change of it is. Authorities are named by the SHA-256 of their public key, in base32. */
export interface AuthorityView {
  readonly signing: string
  readonly trusted: readonly string[]
  readonly rotation: Rotation['kind']
  /** When that began; null: no change is on the way. */
  readonly since: Millis | null
  /** Nodes without which the change does not go on. */
  readonly waitsFor: readonly NodeId[]
  /** Certificates that are not believed although they have not expired. */
  readonly revoked: number
  readonly clusterKey: ClusterKeyView
  /** Nodes with a certificate that is still good. */
  readonly nodes: readonly {
    readonly nodeId: NodeId
    readonly name: string
    readonly connected: boolean
    /** The next authority, or the present one while no change is on the way. */
    readonly trustsNext: boolean
    readonly holdsNext: boolean
    readonly notAfter: Millis
  }[]
}

/** The cluster key, and how far a change of it is. */
export interface ClusterKeyView {
  /** Names it without telling anything of it. */
  readonly id: string
  readonly change: KeyChange['kind'] | 'none'
  /** When that began; null: no change is on the way. */
  readonly since: Millis | null
  /** Servers that do not hold the keys yet that they are to hold, or still hold an old one. */
  readonly waitsFor: readonly NodeId[]
}

/** A backup as listings and the API show it. */
export interface BackupView {
  readonly name: string
  /** The file, at the server that keeps it. */
  readonly path: string
  readonly sizeBytes: number
  readonly clusterId: string
  readonly clusterName: string
  readonly incarnation: number
  readonly storeRevision: number
  /** Objects in it. */
  readonly records: number
  readonly createdAt: Millis
  readonly version: string
  readonly store: string
}

/** What the inspect command of a service printed in one of its tasks. */
export interface Inspection {
  readonly task: TaskId
  readonly exitCode: number
  /** Both streams, as they came; at most a million characters. */
  readonly output: string
}

/** A task that was started by hand, as listings and the API show it. */
export interface DispatchView extends Omit<Dispatch, 'last'> {
  /** Its newest attempt; null: there is none yet. */
  readonly task: TaskView | null
}

/** What listings and the API show of a task. */
export interface TaskView {
  readonly id: TaskId
  readonly service: ServiceName
  readonly slot: Slot
  readonly attempt: number
  readonly node: NodeId | null
  readonly state: TaskState
  readonly desired: Task['desired']
  readonly ready: boolean
  readonly restarts: number
  readonly runtime: RuntimeKind
  readonly image: string | null
  readonly ports: readonly PortBinding[]
  readonly address: string | null
  readonly containerId: string | null
  readonly exitCode: number | null
  /** Why it is in this state, or what it waits for. */
  readonly message: string
  readonly createdAt: Millis
  readonly startedAt: Millis | null
  readonly finishedAt: Millis | null
}

export interface ServiceView {
  readonly name: ServiceName
  readonly mode: ServiceMode
  readonly runtime: RuntimeKind
  readonly image: string | null
  readonly replicas: number
  readonly running: number
  readonly ready: number
  /** Ready tasks that are made from the newest spec. */
  readonly current: number
  readonly health: ServiceHealth
  /** The worst thing that hinders it now; empty when healthy. */
  readonly message: string
  readonly updatedAt: Millis
  /** The dispatch it belongs to; null for a service of the manifest. */
  readonly dispatch: string | null
}

export interface ServiceDetail extends ServiceView {
  readonly spec: ServiceSpec
  readonly tasks: readonly TaskView[]
}

/** What a node is to its cluster: the server that leads, another server, or a machine that only runs tasks. */
export const NODE_ROLES = ['leader', 'server', 'agent'] as const
export type NodeRole = (typeof NODE_ROLES)[number]

/** What listings and the API show of a node. */
export interface NodeView extends Node {
  /** As far as the server knows that answers; one of an older version does not say. */
  readonly role?: NodeRole
  /** Tasks there that have not ended. */
  readonly tasks: number
}

/** A lasting state of the store, or of a machine's clock, that people should know of. */
export interface StoreCondition {
  readonly kind: string
  /** A failure keeps something from working now. */
  readonly severity: 'warning' | 'failure'
  readonly message: string
  /** What helps. */
  readonly hint: string
}

/** A server whose own etcd is a member of the store. */
export interface ServerView {
  /** Empty until its etcd has run once. */
  readonly name: string
  /** Where the others reach its etcd: a host. */
  readonly address: string
  /** Id of the member, in hex. */
  readonly id: string
  /** It has a vote; otherwise it is still learning. */
  readonly isVoting: boolean
  /** It leads the members of the store. */
  readonly leads: boolean
  readonly alive: boolean
  /** Of etcd; null: it has never answered. */
  readonly version: string | null
}

export interface ClusterView {
  readonly cluster: Pick<Cluster, 'id' | 'name' | 'incarnation' | 'createdAt' | 'keepsUnknown' | 'settling' | 'level'>
  readonly leadership: Leadership
  readonly store: string
  /** Servers that keep the store themselves; none with any other store. */
  readonly servers: readonly ServerView[]
  readonly conditions: readonly StoreCondition[]
  readonly storeRevision: number
  readonly version: string
  readonly desiredRevision: number
  readonly nodes: readonly NodeView[]
}

/** Why something is as it is: the present state, and the events that led there, newest last. */
export interface Explanation {
  readonly object: string
  /** One sentence about now. */
  readonly summary: string
  /** What holds it up, each with what would help. */
  readonly reasons: readonly string[]
  readonly events: readonly Event[]
}

/** Progress of a manifest revision, for people who wait. */
export interface RevisionProgress {
  readonly revision: Omit<ManifestRevision, 'text'>
  readonly services: readonly ServiceView[]
}
