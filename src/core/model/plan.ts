import type { NodeId, ServiceName, Slot, TaskId } from './ids.ts'
import type { Manifest } from './manifest.ts'
import type { Availability } from './node.ts'

/** What a user asks to be changed. Every change of desired state is one of these, and every one can be planned first. */
export type Change = ManifestChange | NodeChange | AuthorityChange | UpgradeChange

/** A change that makes a manifest revision. */
export type ManifestChange =
  | { readonly kind: 'apply'; readonly manifest: Manifest; readonly text: string }
  /** The newest manifest once more: what is missing is made. */
  | { readonly kind: 'reapply' }
  | { readonly kind: 'destroy' }
  /** to null: the last revision that was applied before the newest. */
  | { readonly kind: 'rollback'; readonly to: number | null }
  | { readonly kind: 'scale'; readonly service: ServiceName; readonly replicas: number }
  | { readonly kind: 'restart'; readonly service: ServiceName }

/**
 * What a user sets of a node; what is left out stays as it is. null takes a label away, and each of the others back to what
 * the node's agent says; an empty region or zone is none.
 */
export interface NodeSet {
  readonly availability?: Availability
  readonly labels?: Readonly<Record<string, string | null>>
  readonly placement?: string | null
  readonly publicAddress?: string | null
  readonly region?: string | null
  readonly zone?: string | null
}

/** A change of a node. None makes a manifest revision. `force`: also where that costs data or tasks. */
export type NodeChange =
  | { readonly kind: 'node'; readonly node: NodeId; readonly set: NodeSet; readonly force: boolean }
  /** It leaves the cluster, and its id becomes free. */
  | { readonly kind: 'remove-node'; readonly node: NodeId; readonly force: boolean }
  /** `confirmDead`: the word of a person that its machine is off, so that what only one may run can run elsewhere. */
  | { readonly kind: 'fence-node'; readonly node: NodeId; readonly confirmDead: boolean }
  /** with: a node that holds nothing, whose machine takes the place; null: the next machine that joins takes it. */
  | { readonly kind: 'replace-node'; readonly node: NodeId; readonly with: NodeId | null }

/**
 * Another certificate authority for the cluster, which every node learns to trust before it signs; or another cluster key,
 * which every server has before anything is sealed with it.
 */
export interface AuthorityChange {
  readonly kind: 'rotate-authority' | 'rotate-cluster-key'
}

/** Whether a change is about what machines believe, not about what they run. */
export function isAuthorityChange(change: { readonly kind: Change['kind'] }): change is AuthorityChange {
  return change.kind === 'rotate-authority' || change.kind === 'rotate-cluster-key'
}

/** That all machines run this version: the plan says in which order they are to get it. Applied when they have: the level is raised. */
export interface UpgradeChange {
  readonly kind: 'upgrade'
  readonly version: string
  /** The highest level that this version knows. */
  readonly level: number
  /** Also while machines that cannot be reached have not got it. */
  readonly force: boolean
}

/** Whether a change is about a node, not about the manifest. */
export function isNodeChange(change: { readonly kind: Change['kind'] }): change is NodeChange {
  return NODE_CHANGES.has(change.kind)
}

const NODE_CHANGES: ReadonlySet<Change['kind']> = new Set(['node', 'remove-node', 'fence-node', 'replace-node'])

export interface FieldChange {
  readonly field: string
  readonly from: string
  readonly to: string
  readonly effect: 'in-place' | 'replace'
}

export const ACTION_KINDS = ['add', 'update', 'replace', 'remove'] as const
export type ActionKind = (typeof ACTION_KINDS)[number]

/** What would happen to one service. */
export interface PlanAction {
  readonly kind: ActionKind
  readonly service: ServiceName
  /** Image, or the program of a process. */
  readonly subject: string
  /** Tasks that would be made or taken down; task null: to be made, node null: the scheduler chooses. */
  readonly tasks: readonly { readonly slot: Slot; readonly task: TaskId | null; readonly node: NodeId | null }[]
  readonly fields: readonly FieldChange[]
  readonly because: string
  /** What users of the service would notice, e.g. `3 → 2 running while each task is replaced`; empty: nothing. */
  readonly consequence: string
}

/** What would happen to one node. */
export interface NodeAction {
  readonly node: NodeId
  readonly name: string
  readonly kind: 'change' | 'remove' | 'fence' | 'replace' | 'upgrade'
  readonly fields: readonly Omit<FieldChange, 'effect'>[]
  /** What follows for the tasks there, e.g. `its 3 tasks go elsewhere, one after the other`; empty: nothing. */
  readonly consequence: string
}

/** A fact about a service's manifest that the user should know but that hinders nothing. */
export interface PlanNote {
  readonly service: ServiceName | null
  readonly field: string | null
  readonly message: string
}

/** All that a change would do. A value that a client may keep, show and send back; nothing was changed to make it. */
export interface Plan {
  readonly id: string
  readonly clusterId: string
  /** The desired manifest revision it was made against. */
  readonly baseRevision: number
  readonly change: Change
  readonly actions: readonly PlanAction[]
  /** Empty for a change of the manifest. */
  readonly nodes: readonly NodeAction[]
  /** What the level of the cluster becomes; null: it stays. */
  readonly level: { readonly from: number; readonly to: number } | null
  readonly summary: Readonly<Record<ActionKind, number>>
  /** Images that are not yet on the nodes that would run them, as far as those nodes answered. */
  readonly pulls: readonly string[]
  readonly notes: readonly PlanNote[]
  /** Why it cannot be applied as it is; empty when it can. */
  readonly blockers: readonly PlanNote[]
  /** What the plan rests on: object → its state. Applying it later compares these and names those that moved. */
  readonly facts: Readonly<Record<string, string>>
}

/** Whether anything would change. */
export function isEmptyPlan(plan: Pick<Plan, 'actions' | 'nodes' | 'level'>): boolean {
  return plan.actions.length + plan.nodes.length === 0 && plan.level === null
}
