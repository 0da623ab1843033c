import { Command } from 'commander'
import type { ClusterView } from '../../core/model/view.ts'
import type { Context } from '../context.ts'

export function clusterCommand(context: Context): Command {
  return new Command('cluster')
    .description('what this cluster is, and who leads it')
    .addHelpText('after', '\nExample:\n  gantry cluster --json')
    .action(async () => context.print(await context.client().cluster(), clusterText))
}

export function healthCommand(context: Context): Command {
  return new Command('health')
    .description('whether everything that is wanted serves; ends with 1 if not')
    .addHelpText('after', '\nExample:\n  gantry health && echo fine')
    .action(async () => {
      const services = await context.client().services()
      const bad = services.filter(({ health }) => health === 'degraded' || health === 'unhealthy')
      if (bad.length > 0) context.exitCode = 1
      context.print({ healthy: bad.length === 0, services }, () =>
        bad.length === 0
          ? 'healthy'
          : bad.map(({ name, health, message }) => `${name}: ${health}: ${message}`).join('\n'),
      )
    })
}

export function versionCommand(context: Context): Command {
  return new Command('version')
    .description('print the version')
    .action(() => context.print({ version: context.version }, ({ version }) => version))
}

function clusterText({
  cluster,
  leadership,
  store,
  storeRevision,
  version,
  desiredRevision,
  nodes,
}: ClusterView): string {
  return [
    `cluster   ${cluster.name} (${cluster.id}), incarnation ${cluster.incarnation}`,
    `leader    ${leadership.holder}, epoch ${leadership.epoch}`,
    `store     ${store}, revision ${storeRevision}`,
    `manifest  ${desiredRevision === 0 ? 'none yet' : desiredRevision}`,
    `nodes     ${nodes.length}`,
    `version   ${version}`,
  ].join('\n')
}
