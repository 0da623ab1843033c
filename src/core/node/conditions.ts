import type { Millis } from '../model/ids.ts'
import type { Node } from '../model/node.ts'
import type { StoreCondition } from '../model/view.ts'
import { clockConditions } from './clock-conditions.ts'
import { presenceConditions } from './presence-conditions.ts'

/** What people should know of nodes: who is gone, and whose clock is wrong. `aheadOf`: as for `clockConditions`. */
export function nodeConditions(
  nodes: readonly Node[],
  aheadOf: (node: Node['id']) => Millis | null,
): readonly StoreCondition[] {
  return [...presenceConditions(nodes), ...clockConditions(nodes, aheadOf)]
}
