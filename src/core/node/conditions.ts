import type { Leadership } from '../model/cluster.ts'
import type { Millis } from '../model/ids.ts'
import type { Node } from '../model/node.ts'
import type { StoreCondition } from '../model/view.ts'
import { clockConditions } from './clock-conditions.ts'
import { leaderConditions } from './leader-condition.ts'
import { presenceConditions } from './presence-conditions.ts'

/** What a leader knows of clocks: by how much a node's is ahead of its own; null: not known. */
interface Clocks {
  aheadOf(node: Node['id']): Millis | null
}

/**
 * What people should know of the cluster beside its store: that nobody leads, who is gone, whose clock is wrong.
 * `isLed`: whether somebody leads, as far as the server that answers knows. `clocks`: null where the server that answers does not lead.
 */
export function clusterConditions(
  leadership: Leadership,
  isLed: boolean,
  nodes: readonly Node[],
  clocks: Clocks | null,
): readonly StoreCondition[] {
  return [
    ...leaderConditions(leadership, isLed),
    ...presenceConditions(nodes),
    ...clockConditions(nodes, (node) => clocks?.aheadOf(node) ?? null),
  ]
}
