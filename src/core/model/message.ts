import type { IncarnationProof } from './cluster.ts'
import type { Epoch, Millis, NodeId, StoreRevision, TaskId } from './ids.ts'
import type { RuntimeDescription } from './node.ts'
import type { Resources } from './service.ts'
import type { Task, TaskStatus } from './task.ts'

/** What a server proves of its right to give orders, and what an agent keeps durably of the highest it acted on. */
export interface Authority {
  readonly clusterId: string
  readonly incarnation: number
  readonly epoch: Epoch
  readonly revision: StoreRevision
}

/** What a machine believes, and who vouches for it. Authorities are named by the hash of their public key. */
export interface Trust {
  readonly authorities: readonly string[]
  /** Who signed its own certificate. */
  readonly signedBy: string
  /** The cluster keys that it holds durably, by their names, the one that it goes by first. Missing: it is no server, or of an earlier version. */
  readonly clusterKeys?: readonly string[]
}

/** First message of an agent on a new connection. */
export interface Hello {
  readonly kind: 'hello'
  /** The highest level of messages that it knows. */
  readonly level: number
  /** null: the server gives the smallest free one. */
  readonly nodeId: NodeId | null
  /** Drawn once by the agent and kept with its state, so that a machine is not taken for another one. */
  readonly machineId: string
  readonly name: string
  readonly hostname: string
  readonly placement: string
  /** Where servers reach its machine; null: it does not know, or is the server's own. */
  readonly address: string | null
  readonly publicAddress: string | null
  /** Missing: its version knew of no such thing. */
  readonly region?: string | null
  readonly zone?: string | null
  readonly labels: Readonly<Record<string, string>>
  readonly capacity: Resources
  readonly runtimes: readonly RuntimeDescription[]
  readonly version: string
  /** The highest authority it acted on; null: none yet. A server that is older must not lead this agent. */
  readonly authority: Authority | null
  /** Left out by an agent without a certificate; it is told nothing of authorities. */
  readonly trust?: Trust
  /** Why it can take in nothing now. Missing: it can. */
  readonly trouble?: string
  /** What its clock said when it said this. Missing: its version knew of no such thing. */
  readonly clock?: Millis
}

/** What the agent sees of its tasks. Repeated until the assignment shows that it was taken in; only changes are sent. */
export interface Report {
  readonly kind: 'report'
  readonly statuses: readonly { readonly taskId: TaskId; readonly status: TaskStatus }[]
  /** Nothing runs there that the settled state does not know. Said after an assignment that asks for it. */
  readonly settled?: true
}

/** Asks for the leases of its tasks to be renewed. */
export interface Renew {
  readonly kind: 'renew'
  /** Counts up within a connection, so that the agent knows when it asked. */
  readonly round: number
}

export type AgentMessage = Hello | Report | Renew

/** Everything that one agent must hold, as one value. */
export interface Assignment {
  readonly kind: 'assignment'
  readonly authority: Authority
  readonly nodeId: NodeId
  readonly tasks: readonly Task[]
  /** A user sent this machine away: that it runs nothing any more was asked for, however much it is. */
  readonly dismissed?: true
  /** What proves the incarnation to an agent that knows a lower one. */
  readonly proof?: IncarnationProof
  /** The state may be older than what runs: what it does not know is kept. */
  readonly keepsUnknown?: true
  /** A user settled such a state: what it does not know is removed, however much that is, and the agent says when it is gone. */
  readonly settles?: true
  /** Some node may still run what the state does not know: exclusive tasks that have not run here since begin nothing. */
  readonly unsettled?: true
}

/** The server will not lead this agent; it keeps running what it has and tries again later. */
export interface Refused {
  readonly kind: 'refused'
  readonly message: string
  /** What helps beyond trying again: to end for good, once nothing runs any more, or another certificate. */
  readonly remedy?: 'end' | 'renew'
}

/** Whom the agent is to believe, and who signs now: what its certificate is to be signed by. */
export interface TrustUpdate {
  readonly kind: 'trust'
  /** An older one than the last that was heeded changes nothing. */
  readonly authority: Authority
  /** In PEM. */
  readonly bundle: string
  /** The authority that signs now, by the hash of its key. */
  readonly signing: string
  /** A certificate of another authority is renewed at a random point within this time. */
  readonly renewWithinMs: Millis
  /** Serials of servers that are not to be believed although their certificates have not expired. */
  readonly revokedServers: readonly string[]
  /** What proves the incarnation to an agent that knows a lower one. */
  readonly proof?: IncarnationProof
  /** To a server alone: the cluster keys in hex that it is to hold from now on, and no others; the one to go by first. */
  readonly clusterKeys?: readonly string[]
}

/** This server does not lead; the agent may find who does at that address. */
export interface Elsewhere {
  readonly kind: 'elsewhere'
  readonly leader: string | null
}

/** The leader still led after it was asked in this round: the leases of these tasks run anew from when it was asked. */
export interface Renewed {
  readonly kind: 'renewed'
  readonly round: number
  readonly tasks: readonly TaskId[]
}

export type ServerMessage = Assignment | Refused | Elsewhere | Renewed | TrustUpdate

/** One use of CPU and memory by a task, for listings and autoscaling; never stored. */
export interface TaskSample {
  readonly taskId: TaskId
  readonly cpuMillis: number
  readonly memoryBytes: number
  readonly at: Millis
}
