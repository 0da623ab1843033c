import type { FailureDetection } from '../node/vigilance.ts'
import type { Strategy } from '../schedule/strategy.ts'
import type { Epoch, Millis, NodeId } from './ids.ts'

/** What makes this cluster this cluster. `incarnation` grows when its state moves to another store or is restored, `level` after an upgrade. */
export interface Cluster {
  /** 16 hex digits */
  readonly id: string
  readonly name: string
  readonly incarnation: number
  readonly createdAt: Millis
  /** What proves the incarnation to agents. Left out: it is the first one, or the cluster has no certificate authority. */
  readonly proof?: IncarnationProof
  /** Since a restore or a recovery: agents keep what they run and this state does not know, until a user settles it. */
  readonly keepsUnknown?: true
  /** Since a user settled it: the nodes that have not said yet that they run nothing which it does not know. */
  readonly settling?: readonly NodeId[]
  /** Attempts since start above it: those below may have been used for what a state that was put back does not know. */
  readonly attemptFloor?: number
  /** The state has another home. No server uses this store any more. */
  readonly movedTo?: Move
  /** Level of the forms that its objects may have; it only grows. Not there: 1. */
  readonly level?: number
  /** What users set for all of it. Not there: nothing. */
  readonly settings?: ClusterSettings
}

/** What users set for a whole cluster. What is missing is as the leader was started. */
export interface ClusterSettings {
  readonly strategy?: Strategy
  readonly failureDetection?: FailureDetection
  /** How often agents say that they are there. */
  readonly heartbeatMs?: Millis
}

/** The word of the certificate authority that an incarnation was meant. */
export interface IncarnationProof {
  readonly at: Millis
  /** The certificate of the authority that signed, then those that certify its key, in PEM. */
  readonly chain: readonly string[]
  /** ECDSA with SHA-256 over `incarnationStatement`, in base64. */
  readonly signature: string
}

/** Where a state went. */
export interface Move {
  /** For people: `etcd at 10.0.0.9:2379 under gantry`. */
  readonly to: string
  readonly incarnation: number
  readonly at: Millis
}

/** Level of a cluster's forms. */
export function levelOf({ level }: Pick<Cluster, 'level'>): number {
  return level ?? 1
}

/** A server as it said when it started. */
export interface ServerRecord {
  readonly name: string
  /** Where other machines reach it, `host:port`; null: nowhere. */
  readonly address: string | null
  readonly version: string
  /** The highest level that its program knows. */
  readonly level: number
}

/** The reign of one leader. Every write of a leader carries its epoch, and lands only while it is the newest. */
export interface Leadership {
  readonly epoch: Epoch
  /** Name of the server that leads. */
  readonly holder: string
  /** Where other machines reach it, `host:port`; null: nowhere. */
  readonly address: string | null
  readonly since: Millis
}
