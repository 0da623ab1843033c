import type { Millis } from '../model/ids.ts'
import type { Node } from '../model/node.ts'
import type { StoreCondition } from '../model/view.ts'
import { timeWords } from '../time-words.ts'

/** Searches for servers are answered up to this difference, and times of different machines cannot be compared beyond it. */
const TOLERANCE_MS: Millis = 60_000
const HINT = 'set it, or the leader’s, and keep both set with chrony or systemd-timesyncd; then restart Gantry there'

/** What people should know of the clocks of nodes. `aheadOf`: by how much a node's clock is ahead of the leader's; null: not known. */
export function clockConditions(
  nodes: readonly Pick<Node, 'id' | 'name'>[],
  aheadOf: (node: Node['id']) => Millis | null,
): readonly StoreCondition[] {
  return nodes.flatMap(({ id, name }) => {
    const aheadMs = aheadOf(id) ?? 0
    if (Math.abs(aheadMs) <= TOLERANCE_MS) return []
    const way = aheadMs > 0 ? 'ahead of' : 'behind'
    const message = `the clock of node ${id} (${name}) is ${timeWords(Math.abs(aheadMs))} ${way} the leader’s`
    return [{ kind: 'clock wrong', severity: 'warning', message, hint: HINT }]
  })
}
