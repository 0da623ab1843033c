import type { Node } from '../model/node.ts'
import type { StoreCondition } from '../model/view.ts'

/** So many are named; the list of nodes has them all. */
const NAMED = 3

/** What people should know of nodes that are gone. One that waits for its machine is not. */
export function presenceConditions(
  nodes: readonly Pick<Node, 'id' | 'name' | 'status' | 'reserved'>[],
): readonly StoreCondition[] {
  const gone = nodes.filter(({ status, reserved }) => status === 'unreachable' && reserved !== true)
  const [first] = gone
  if (first === undefined) return []
  const names = gone.slice(0, NAMED).map(({ id, name }) => `${id} (${name})`)
  if (gone.length > NAMED) names.push(`${gone.length - NAMED} more`)
  const all = names.length === 1 ? names[0] : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
  const message = gone.length === 1 ? `node ${all} is unreachable` : `nodes ${all} are unreachable`
  const hint = `\`gantry explain node/${first.id}\` says why, and what helps`
  return [{ kind: 'node unreachable', severity: 'warning', message, hint }]
}
