import { Command } from 'commander'
import type { Context } from '../context.ts'
import { nodeNamed } from '../find-node.ts'
import { clientOf, isClusterKnown } from '../named-cluster.ts'
import { nodesText, nodeText } from '../render/nodes.ts'

export function nodesCommand(context: Context): Command {
  return new Command('nodes')
    .description('list nodes, or show one with its runtimes and what they cannot do')
    .argument('[node]', 'id or name; or a cluster that is known here, for all of its nodes')
    .addHelpText('after', '\nExamples:\n  gantry nodes\n  gantry nodes 1\n  gantry nodes --json')
    .action(async (named: string | undefined) => {
      const isCluster = named !== undefined && (await isClusterKnown(named, context))
      const nodes = await (await clientOf(isCluster ? named : undefined, context)).nodes()
      if (named === undefined || isCluster) return context.print(nodes, nodesText)
      context.print(nodeNamed(named, nodes), nodeText)
    })
}
