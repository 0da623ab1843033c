import { Command } from 'commander'
import { OperationalError } from '../../core/errors.ts'
import type { StretchedSecret } from '../../core/model/identity.ts'
import { leaderOf } from '../../core/node/leader-condition.ts'
import { createClient } from '../../transport/client.ts'
import type { Context } from '../context.ts'
import { readInput } from '../files.ts'
import { clientOf, serversOf } from '../named-cluster.ts'
import { clusterText, healthText, isFailure, isHindered, leaderText } from '../render/cluster.ts'
import { silentServers } from '../silent-servers.ts'
import { clusterKeyCommand } from './cluster-key.ts'

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
  command
    .command('secret')
    .description('replace the secret with which machines join; machines that have joined stay')
    .option('--file <file>', 'file with the new one, 16 letters and digits or more; - is standard input')
    .option('--none', 'machines join with tokens only from now on')
    .addHelpText('after', '\nExamples:\n  gantry cluster secret --file secret.txt\n  gantry cluster secret --none')
    .action(async ({ file, none }: { readonly file?: string; readonly none?: true }) => {
      if ((file === undefined) === (none === undefined))
        throw new OperationalError('USAGE', 'give either --file or --none')
      context.print(await context.client().setClusterSecret(await stretched(file)), () => '')
      context.say(
        file === undefined
          ? 'Machines join with tokens only.'
          : 'Machines join with the new secret; the old one lets nobody in any more.',
      )
    })
  command.addCommand(clusterKeyCommand(context))
  return command
}

/** The secret itself does not leave this process. */
async function stretched(file: string | undefined): Promise<StretchedSecret | null> {
  if (file === undefined) return null
  const { stretchedFrom } = await import('../../main/stretch.ts')
  return stretchedFrom(readInput(file))
}

export function leaderCommand(context: Context): Command {
  return new Command('leader')
    .description('which server leads; ends with 1 when none does')
    .argument('[cluster]', 'one that is known here (default: where commands go)')
    .addHelpText('after', '\nExamples:\n  gantry leader\n  gantry leader blue\n  gantry leader --json')
    .action(async (cluster: string | undefined) => {
      const view = await (await clientOf(cluster, context)).cluster()
      const leader = leaderOf(view)
      if (leader === null) context.exitCode = 1
      context.print(leader, (_, format) => leaderText(view, format))
    })
}

export function healthCommand(context: Context): Command {
  return new Command('health')
    .description('whether everything that is wanted serves, and all known servers answer; ends with 1 if not')
    .argument('[cluster]', 'one that is known here (default: where commands go)')
    .addHelpText('after', '\nExamples:\n  gantry health && echo fine\n  gantry health blue')
    .action(async (cluster: string | undefined) => {
      const servers = await serversOf(cluster, context)
      const client = createClient(servers)
      const [services, view, silent] = await Promise.all([client.services(), client.cluster(), silentServers(servers)])
      const conditions = [...view.conditions, ...silent]
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
