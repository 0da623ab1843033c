import { Command } from 'commander'
import { OperationalError } from '../../core/errors.ts'
import { isEmptyPlan } from '../../core/model/plan.ts'
import type { ChangeRequest } from '../../transport/wire.ts'
import { type ChangeFlags, carryOut, withChangeFlags } from '../carry-out.ts'
import type { Context } from '../context.ts'
import { readInput } from '../files.ts'
import { readPlan, writePlan } from '../plan-file.ts'
import { planText } from '../render/plan.ts'
import { revisionNumber } from '../values.ts'

const CHANGES_PENDING = 10
/** What an apply of the same would end with. */
const BLOCKED = 3

interface PlanFlags {
  readonly config?: string
  readonly output?: string
  readonly destroy?: boolean
  readonly exitCode?: boolean
}

export function planCommand(context: Context): Command {
  return new Command('plan')
    .description('show what a change would do; nothing is changed')
    .option('-c, --config <file>', 'manifest to plan; - is standard input (default: the newest applied one)')
    .option('-o, --output <file>', 'keep the plan for `apply --plan`')
    .option('--destroy', 'plan the removal of everything')
    .option('--exit-code', 'end with 10 if anything would change')
    .addHelpText(
      'after',
      '\nExamples:\n  gantry plan --config shop.yaml\n  gantry plan --config shop.yaml -o shop.plan && gantry apply --plan shop.plan\n  gantry plan --destroy',
    )
    .action(async ({ config, output, destroy, exitCode }: PlanFlags) => {
      if (destroy === true && config !== undefined)
        throw new OperationalError('USAGE', '--destroy and --config exclude each other')
      const plan = await context.client().plan(destroy === true ? { kind: 'destroy' } : changeOf(config))
      if (output !== undefined) writePlan(output, plan)
      context.print(plan, (value) => planText(value, context.out))
      if (plan.blockers.length > 0) context.exitCode = BLOCKED
      else if (exitCode === true && !isEmptyPlan(plan)) context.exitCode = CHANGES_PENDING
    })
}

interface ApplyFlags extends ChangeFlags {
  readonly config?: string
  readonly plan?: string
}

export function applyCommand(context: Context): Command {
  const command = new Command('apply')
    .description('make a manifest what is wanted, and wait until it is so')
    .option('-c, --config <file>', 'manifest to apply; - is standard input (default: the newest applied one)')
    .option('-p, --plan <file>', 'a plan of `plan -o`; refused if the world moved since')
  return withChangeFlags(command)
    .addHelpText(
      'after',
      '\nExamples:\n  gantry apply --config shop.yaml\n  gantry apply --plan shop.plan --yes\n  gantry apply --config shop.yaml --yes --detach',
    )
    .action(async (flags: ApplyFlags) => {
      if (flags.plan === undefined) return carryOut(changeOf(flags.config), null, flags, context)
      if (flags.config !== undefined) throw new OperationalError('USAGE', '--plan and --config exclude each other')
      const plan = readPlan(flags.plan)
      await carryOut(plan.change, plan, flags, context)
    })
}

export function destroyCommand(context: Context): Command {
  return withChangeFlags(new Command('destroy'))
    .description('remove every service of the manifest; volumes, revisions and nodes stay')
    .addHelpText('after', '\nExamples:\n  gantry destroy\n  gantry destroy --yes')
    .action((flags: ChangeFlags) => carryOut({ kind: 'destroy' }, null, flags, context))
}

export function rollbackCommand(context: Context): Command {
  return withChangeFlags(new Command('rollback'))
    .description('go back to an earlier manifest')
    .argument('[revision]', 'number of the manifest revision (default: the last that was applied before)')
    .addHelpText('after', '\nExamples:\n  gantry rollback\n  gantry rollback 7 --yes')
    .action((revision: string | undefined, flags: ChangeFlags) => {
      const to = revision === undefined ? null : revisionNumber(revision)
      return carryOut({ kind: 'rollback', to }, null, flags, context)
    })
}

function changeOf(config: string | undefined): ChangeRequest {
  if (config === undefined) return { kind: 'reapply' }
  return { kind: 'apply', text: readInput(config), file: config === '-' ? null : config }
}
