import type { Node } from '../model/node.ts'
import type { StoreCondition } from '../model/view.ts'

const HINT = 'what runs there goes on; once that is mended it takes in by itself what waits'

/** What people should know of nodes that can take in nothing. `troubleOf`: why a node cannot; null: it can. */
export function troubleConditions(
  nodes: readonly Pick<Node, 'id' | 'name'>[],
  troubleOf: (node: Node['id']) => string | null,
): readonly StoreCondition[] {
  return nodes.flatMap(({ id, name }) => {
    const trouble = troubleOf(id)
    if (trouble === null) return []
    const message = `node ${id} (${name}) takes in no changes, and tells none: ${trouble}`
    return [{ kind: 'node in trouble', severity: 'warning', message, hint: HINT }]
  })
}
