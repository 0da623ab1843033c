import { Command } from 'commander'
import type { Context } from '../context.ts'
import { nodeNamed } from '../find-node.ts'
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
