import { Command } from 'commander'
import type { AuthorityChange } from '../../core/model/plan.ts'
import { type ChangeFlags, carryOut, withChangeFlags } from '../carry-out.ts'
import type { Context } from '../context.ts'
import { writePlan } from '../plan-file.ts'
import { clusterKeyText } from '../render/authority.ts'
import { planText } from '../render/plan.ts'
import { waitForRotation } from '../wait-for-rotation.ts'

interface RotateFlags extends ChangeFlags {
  readonly output?: string
  readonly plan?: boolean
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
  const rotate = withChangeFlags(command.command('rotate'))
    .description(
      'change to a new key on every server, without a restart of any task; goes on with one that is on the way',
    )
    .option('--plan', 'show what would happen; nothing is changed')
    .option('-o, --output <file>', 'keep the plan for `apply --plan`; nothing is changed')
    .addHelpText('after', '\nExamples:\n  gantry cluster key rotate --plan\n  gantry cluster key rotate --yes')
  rotate.action(() => rotateKey(rotate.opts<RotateFlags>(), context))
  return command
}

async function rotateKey(flags: RotateFlags, context: Context): Promise<void> {
  const change: AuthorityChange = { kind: 'rotate-cluster-key' }
  const client = context.client()
  if (flags.output === undefined && flags.plan !== true) {
    const view = await client.authority()
    if (view.clusterKey.change === 'none') return carryOut(change, null, flags, context)
    context.say('A change of the cluster key is on the way already.')
    if (flags.detach !== true) await waitForRotation(change.kind, flags.timeout, context)
    return
  }
  const plan = await client.plan(change)
  if (flags.output !== undefined) writePlan(flags.output, plan)
  context.print(plan, (value) => planText(value, context.out))
}
