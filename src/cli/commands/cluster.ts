import { Command } from 'commander'
import type { Context } from '../context.ts'
import { clusterText, healthText, isFailure, isHindered, leaderText } from '../render/cluster.ts'

export function clusterCommand(context: Context): Command {
  const command = new Command('cluster')
    .description('what this cluster is, and who leads it')
    .addHelpText('after', '\nExamples:\n  gantry cluster\n  gantry cluster --json')
    .action(async () => context.print(await context.client().cluster(), clusterText))
  command
    .command('settle')
    .description('after a state was put back: from now on what it does not know is removed from the nodes')
    .addHelpText('after', '\nExample:\n  gantry cluster settle')
    .action(async () => {
      const { settled } = await context.client().settle()
      context.print({ settled }, () => '')
      context.say(settled ? 'Tasks that the state does not know are removed now.' : 'There is nothing to settle.')
    })
  return command
}

export function leaderCommand(context: Context): Command {
  return new Command('leader')
    .description('which server leads')
    .addHelpText('after', '\nExamples:\n  gantry leader\n  gantry leader --json')
    .action(async () => context.print((await context.client().cluster()).leadership, leaderText))
}

export function healthCommand(context: Context): Command {
  return new Command('health')
    .description('whether everything that is wanted serves; ends with 1 if not')
    .addHelpText('after', '\nExample:\n  gantry health && echo fine')
    .action(async () => {
      const client = context.client()
      const [services, { conditions }] = await Promise.all([client.services(), client.cluster()])
      const healthy = !services.some(isHindered) && !conditions.some(isFailure)
      if (!healthy) context.exitCode = 1
      context.print({ healthy, services, conditions }, (_, format) => healthText(services, conditions, format))
    })
}

export function versionCommand(context: Context): Command {
  return new Command('version')
    .description('print the version')
    .addHelpText('after', '\nExamples:\n  gantry version\n  gantry version --json')
    .action(() => context.print({ version: context.version }, ({ version }) => version))
}
