import { Command } from 'commander'
import type { AuthorityChange } from '../../core/model/plan.ts'
import { type ChangeFlags, carryOut, withChangeFlags } from '../carry-out.ts'
import type { Context } from '../context.ts'
import { writePlan } from '../plan-file.ts'
import { authorityNodesText, authorityText } from '../render/authority.ts'
import { planText } from '../render/plan.ts'

interface RotateFlags extends ChangeFlags {
  readonly output?: string
  readonly plan?: boolean
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
  addRotate(command, context)
  return command
}

function addRotate(command: Command, context: Context): void {
  const rotate = withChangeFlags(command.command('rotate'))
    .description('change to a new authority, without a restart of anything; waits until every machine has changed over')
    .option('--plan', 'show what would happen; nothing is changed')
    .option('-o, --output <file>', 'keep the plan for `apply --plan`; nothing is changed')
    .addHelpText('after', '\nExamples:\n  gantry authority rotate --plan\n  gantry authority rotate --yes')
  rotate.action(async () => {
    const flags = rotate.opts<RotateFlags>()
    const change: AuthorityChange = { kind: 'rotate-authority' }
    if (flags.output === undefined && flags.plan !== true) return carryOut(change, null, flags, context)
    const plan = await context.client().plan(change)
    if (flags.output !== undefined) writePlan(flags.output, plan)
    context.print(plan, (value) => planText(value, context.out))
  })
}
