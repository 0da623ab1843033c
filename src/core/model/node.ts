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

export interface Node {
  readonly id: NodeId
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
  readonly capacity: Resources
  readonly runtimes: readonly RuntimeDescription[]
  readonly version: string
  readonly joinedAt: Millis
}
