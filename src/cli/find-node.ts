import { OperationalError } from '../core/errors.ts'
import type { NodeView } from '../core/model/view.ts'

/** The node that is called so, by id or name. Throws NOT_FOUND. */
export function nodeNamed(named: string, nodes: readonly NodeView[]): NodeView {
  const node = nodes.find(({ id, name }) => String(id) === named || name === named)
  if (node !== undefined) return node
  throw new OperationalError('NOT_FOUND', `there is no node ${named}`, { hint: '`gantry nodes` lists them' })
}
