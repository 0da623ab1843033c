import type { Millis, NodeId } from './ids.ts'
import type { Resources, RuntimeKind } from './service.ts'

export const AVAILABILITIES = ['active', 'pause', 'drain'] as const
export type Availability = (typeof AVAILABILITIES)[number]

export const NODE_STATUSES = ['ready', 'draining', 'unreachable', 'removed'] as const
export type NodeStatus = (typeof NODE_STATUSES)[number]

/** What a runtime says of itself. */
export interface RuntimeDescription {
  readonly kind: RuntimeKind
  /** Whether it answers now. */
  readonly available: boolean
  readonly version: string
  /** Why it does not answer, or what limits it; empty when there is nothing to say. */
  readonly message: string
  /** Things that this runtime on this machine cannot do, e.g. `limits.memory` for a process without cgroups, each with the reason. */
  readonly unsupported: Readonly<Record<string, string>>
}

/** What users set in the cluster. It wins over what the node's agent says of itself. */
export interface NodeSettings {
  /** null: as the agent says. */
  readonly placement: string | null
  /** null: as the agent says. */
  readonly publicAddress: string | null
  /** Missing: as the agent says; null: none. */
  readonly region?: string | null
  readonly zone?: string | null
  /** Each label that a user set, null if he took it away; the others are as the agent says. */
  readonly labels: Readonly<Record<string, string | null>>
}

/** What users may set of a node that its agent says too; in the order in which it is shown. */
export const NODE_FACTS = ['placement', 'publicAddress', 'region', 'zone'] as const
export type NodeFact = (typeof NODE_FACTS)[number]

/** What each is called in options. */
export const FACT_OPTIONS: Readonly<Record<NodeFact, string>> = {
  placement: 'placement',
  publicAddress: 'public-address',
  region: 'region',
  zone: 'zone',
}

/** What each is called in sentences. */
export function factWords(fact: NodeFact): string {
  return FACT_OPTIONS[fact].replace('-', ' ')
}

/** Whether a user set it, be it to none. */
export function isSetByUser(fact: NodeFact, settings: NodeSettings | undefined): boolean {
  const isNoneAValue = fact === 'region' || fact === 'zone'
  return settings?.[fact] !== undefined && (isNoneAValue || settings[fact] !== null)
}

export const NO_SETTINGS: NodeSettings = { placement: null, publicAddress: null, labels: {} }

export interface Node {
  readonly id: NodeId
  /** Tells the machine apart from another one of the same name; null: none stands for the node now. */
  readonly machineId: string | null
  /** Its place is kept for the next machine that joins. */
  readonly reserved: boolean
  readonly name: string
  readonly hostname: string
  readonly availability: Availability
  readonly status: NodeStatus
  readonly placement: string
  /** Where servers reach the machine; null: it is the server's own. */
  readonly address: string | null
  readonly publicAddress: string | null
  readonly region: string | null
  readonly zone: string | null
  readonly labels: Readonly<Record<string, string>>
  readonly settings: NodeSettings
  /** What its agent said of itself when it connected last, whatever users set; missing: nothing that is known. */
  readonly said?: Pick<Node, NodeFact>
  readonly capacity: Resources
  readonly runtimes: readonly RuntimeDescription[]
  readonly version: string
  readonly joinedAt: Millis
}

/** A machine that a user sent away. Its agent is refused when it comes back, and stops what it still runs. */
export interface DismissedMachine {
  readonly machineId: string
  /** What it was. */
  readonly node: Node
  /** `replaced`: another machine has its place. */
  readonly because: 'removed' | 'replaced'
  readonly by: string
  readonly at: Millis
}
