import type { Command } from 'commander'
import type { AuthorityChange } from '../core/model/plan.ts'
import type { AuthorityView } from '../core/model/view.ts'
import { type ChangeFlags, carryOut, withChangeFlags } from './carry-out.ts'
import type { Context } from './context.ts'
import { writePlan } from './plan-file.ts'
import { planText } from './render/plan.ts'
import { waitForRotation } from './wait-for-rotation.ts'

interface RotateFlags extends ChangeFlags {
  readonly output?: string
  readonly plan?: boolean
}

/** What a `rotate` changes, and how it is told whether such a change goes on. */
export interface Rotation {
  readonly kind: AuthorityChange['kind']
  readonly name: string
  readonly goesOn: (view: AuthorityView) => boolean
}

/** Gives a command the options of `rotate`, and has it begin the change, or go on with one that is on the way. */
export function rotateCommand(command: Command, rotation: Rotation, context: Context): Command {
  return withChangeFlags(command)
    .option('--plan', 'show what would happen; nothing is changed')
    .option('-o, --output <file>', 'keep the plan for `apply --plan`; nothing is changed')
    .action(() => rotate(rotation, command.opts<RotateFlags>(), context))
}

async function rotate({ kind, name, goesOn }: Rotation, flags: RotateFlags, context: Context): Promise<void> {
  const client = context.client()
  if (flags.output === undefined && flags.plan !== true) {
    if (!goesOn(await client.authority())) return carryOut({ kind }, null, flags, context)
    context.say(`A change of the ${name} is on the way already.`)
    if (flags.detach !== true) await waitForRotation(kind, flags.timeout, context)
    return
  }
  const plan = await client.plan({ kind })
  if (flags.output !== undefined) writePlan(flags.output, plan)
  context.print(plan, (value) => planText(value, context.out))
}
