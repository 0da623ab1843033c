import { Command } from 'commander'
import type { Context } from '../context.ts'
import { clusterKeyText } from '../render/authority.ts'
import { type Rotation, rotateCommand } from '../rotate-command.ts'

const CLUSTER_KEY: Rotation = {
  kind: 'rotate-cluster-key',
  name: 'cluster key',
  goesOn: ({ clusterKey }) => clusterKey.change !== 'none',
}

/** `cluster key`: what protects what the store keeps. */
export function clusterKeyCommand(context: Context): Command {
  const command = new Command('key')
    .description('the key that servers have, and that protects what the store keeps')
    .addHelpText('after', '\nExamples:\n  gantry cluster key status\n  gantry cluster key rotate')
  command
    .command('status')
    .description('which key there is, and how far a change of it is')
    .addHelpText('after', '\nExample:\n  gantry cluster key status')
    .action(async () => context.print(await context.client().authority(), clusterKeyText))
  rotateCommand(command.command('rotate'), CLUSTER_KEY, context)
    .description(
      'change to a new key on every server, without a restart of any task; goes on with one that is on the way',
    )
    .addHelpText('after', '\nExamples:\n  gantry cluster key rotate --plan\n  gantry cluster key rotate --yes')
  return command
}
