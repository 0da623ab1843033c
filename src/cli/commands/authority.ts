import { Command } from 'commander'
import type { Context } from '../context.ts'
import { authorityNodesText, authorityText } from '../render/authority.ts'
import { type Rotation, rotateCommand } from '../rotate-command.ts'

const AUTHORITY: Rotation = {
  kind: 'rotate-authority',
  name: 'authority',
  goesOn: ({ rotation }) => rotation !== 'none',
}

/** `authority`: the certificate authority that vouches for every machine of the cluster. */
export function authorityCommand(context: Context): Command {
  const command = new Command('authority')
    .description('the certificate authority that vouches for every machine')
    .addHelpText('after', '\nExamples:\n  gantry authority show\n  gantry authority status')
  command
    .command('show')
    .description('which authority signs, which are trusted, and whether a change is on the way')
    .addHelpText('after', '\nExample:\n  gantry authority show')
    .action(async () => context.print(await context.client().authority(), authorityText))
  command
    .command('status')
    .description('how far each machine is with a change, and until when its certificate is good')
    .addHelpText('after', '\nExample:\n  gantry authority status')
    .action(async () => context.print(await context.client().authority(), authorityNodesText))
  rotateCommand(command.command('rotate'), AUTHORITY, context)
    .description(
      'change to a new authority, without a restart of anything; waits until every machine has changed over; goes on with one that is on the way',
    )
    .addHelpText('after', '\nExamples:\n  gantry authority rotate --plan\n  gantry authority rotate --yes')
  return command
}
