import type { Api } from '../../control/api.ts'
import { OperationalError } from '../../core/errors.ts'
import type { NodeView } from '../../core/model/view.ts'

/** The node that a path names: every node has an id and a name; a number is an id. Throws NOT_FOUND. */
export function findNode(api: Api, word: string): NodeView {
  if (/^[1-9]\d{0,8}$/.test(word)) return api.node(Number(word))
  const node = api.nodes().find(({ name }) => name === word)
  if (node === undefined) throw new OperationalError('NOT_FOUND', `there is no node ${word}`)
  return node
}
