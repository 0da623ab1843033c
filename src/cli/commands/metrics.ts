import { Command } from 'commander'
import { OperationalError } from '../../core/errors.ts'
import type { Context } from '../context.ts'
import { type ClusterMetrics, metricsOf, metricsTable } from '../render/metrics.ts'

/** `metrics`: the whole cluster in figures. */
export function metricsCommand(context: Context): Command {
  return new Command('metrics')
    .description('show the cluster in figures: nodes with their load, and what the leading server measures')
    .addHelpText('after', '\nExamples:\n  gantry metrics\n  gantry metrics --json')
    .action(async () => {
      const client = context.client()
      const [families, nodes] = await Promise.all([client.metrics(), client.nodes()])
      const stats = await Promise.all(nodes.map(({ id }) => client.nodeStats(id).catch(expected)))
      context.print<ClusterMetrics>(metricsOf(families, nodes, stats), metricsTable)
    })
}

/** Why a node's load is not known is a part of the answer. */
function expected(error: unknown): OperationalError {
  if (error instanceof OperationalError) return error
  throw error
}
