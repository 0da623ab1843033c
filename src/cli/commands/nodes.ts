import { Command } from 'commander'
import { OperationalError } from '../../core/errors.ts'
import type { Node } from '../../core/model/node.ts'
import type { Context } from '../context.ts'
import { nodesText, nodeText } from '../render/nodes.ts'

export function nodesCommand(context: Context): Command {
  return new Command('nodes')
    .description('list nodes, or show one with its runtimes and what they cannot do')
    .argument('[node]', 'id or name')
    .addHelpText('after', '\nExamples:\n  gantry nodes\n  gantry nodes 1\n  gantry nodes --json')
    .action(async (named: string | undefined) => {
      const nodes = await context.client().nodes()
      if (named === undefined) return context.print(nodes, nodesText)
      context.print(nodeNamed(named, nodes), nodeText)
    })
}

function nodeNamed(named: string, nodes: readonly Node[]): Node {
  const node = nodes.find(({ id, name }) => String(id) === named || name === named)
  if (node !== undefined) return node
  throw new OperationalError('NOT_FOUND', `there is no node ${named}`, { hint: '`gantry nodes` lists them' })
}
