import { writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { OperationalError } from '../../core/errors.ts'
import type { ChangeRequest, WireAccepted, WirePlan } from '../../transport/wire.ts'
import { confirm } from '../ask.ts'
import type { Context } from '../context.ts'
import { readInput } from '../files.ts'
import { planText } from '../render/plan.ts'
import { seconds } from '../values.ts'
import { waitForRevision } from '../wait.ts'

const TIMEOUT_S = 660
const CHANGES_PENDING = 10

interface ApplyOptions {
  readonly config?: string
  readonly plan?: string
  readonly yes?: boolean
  readonly detach?: boolean
  readonly timeout: number
}

export function planCommand(context: Context): Command {
  return new Command('plan')
    .description('show what a change would do; nothing is changed')
    .option('-c, --config <file>', 'manifest to plan (default: the newest applied one)')
    .option('-o, --output <file>', 'keep the plan for `apply --plan`')
    .option('--destroy', 'plan the removal of everything')
    .option('--exit-code', 'end with 10 if anything would change')
    .addHelpText(
      'after',
      '\nExamples:\n  gantry plan --config shop.yaml\n  gantry plan --config shop.yaml -o shop.plan && gantry apply --plan shop.plan',
    )
    .action(async (options: { config?: string; output?: string; destroy?: boolean; exitCode?: boolean }) => {
      const change: ChangeRequest = options.destroy === true ? { kind: 'destroy' } : changeOf(options.config)
      const plan = await context.client().plan(change)
      if (options.output !== undefined) writeFileSync(options.output, JSON.stringify(plan), { mode: 0o600 })
      context.print(plan, (value) => planText(value, context.out))
      if (options.exitCode === true && plan.actions.length > 0) context.exitCode = CHANGES_PENDING
    })
}

export function applyCommand(context: Context): Command {
  return new Command('apply')
    .description('make a manifest what is wanted, and wait until it is so')
    .option('-c, --config <file>', 'manifest to apply (default: the newest applied one)')
    .option('-p, --plan <file>', 'a plan of `plan -o`; refused if the world moved since')
    .option('-y, --yes', 'do not ask')
    .option('-d, --detach', 'do not wait')
    .option('--timeout <time>', 'wait at most so long', seconds, TIMEOUT_S * 1_000)
    .addHelpText(
      'after',
      '\nExamples:\n  gantry apply --config shop.yaml\n  gantry apply --plan shop.plan --yes\n  gantry apply --config shop.yaml --yes --detach',
    )
    .action(async (options: ApplyOptions) => {
      if (options.plan === undefined) return carryOut(changeOf(options.config), null, options, context)
      if (options.config !== undefined) throw new OperationalError('USAGE', '--plan and --config exclude each other')
      const plan = readPlan(options.plan)
      await carryOut(plan.change, plan, options, context)
    })
}

export function destroyCommand(context: Context): Command {
  return new Command('destroy')
    .description('remove every service of the manifest; volumes, revisions and nodes stay')
    .option('-y, --yes', 'do not ask')
    .option('-d, --detach', 'do not wait')
    .option('--timeout <time>', 'wait at most so long', seconds, TIMEOUT_S * 1_000)
    .addHelpText('after', '\nExample:\n  gantry destroy --yes')
    .action((options: ApplyOptions) => carryOut({ kind: 'destroy' }, null, options, context))
}

export function rollbackCommand(context: Context): Command {
  return new Command('rollback')
    .description('go back to an earlier manifest')
    .argument('[revision]', 'number of the manifest revision (default: the last that was applied before)')
    .option('-y, --yes', 'do not ask')
    .option('-d, --detach', 'do not wait')
    .option('--timeout <time>', 'wait at most so long', seconds, TIMEOUT_S * 1_000)
    .addHelpText('after', '\nExamples:\n  gantry rollback\n  gantry rollback 7 --yes')
    .action((revision: string | undefined, options: ApplyOptions) =>
      carryOut(
        { kind: 'rollback', to: revision === undefined ? null : revisionNumber(revision) },
        null,
        options,
        context,
      ),
    )
}

/** Shows the plan of a change, asks, applies, waits. */
export async function carryOut(
  change: ChangeRequest,
  given: WirePlan | null,
  options: Partial<ApplyOptions>,
  context: Context,
): Promise<void> {
  const client = context.client()
  const plan = given ?? (await client.plan(change))
  if (!context.globals.json) context.say(planText(plan, context.err))
  const nothing = plan.actions.length === 0 && plan.blockers.length === 0 && change.kind !== 'apply'
  if (
    !nothing &&
    plan.blockers.length === 0 &&
    plan.actions.length > 0 &&
    !(await confirm('Apply this plan?', options.yes === true))
  ) {
    context.say('Nothing was changed.')
    context.exitCode = 1
    return
  }
  const accepted = await client.apply(change, plan)
  if (accepted.revision === null || options.detach === true) {
    if (accepted.revision !== null) context.say(`Manifest ${accepted.revision} is accepted.`)
    context.print(accepted, acceptedText)
    return
  }
  const progress = await waitForRevision(accepted.revision, options.timeout ?? TIMEOUT_S * 1_000, context)
  if (context.globals.json) context.print(progress, () => '')
}

function acceptedText({ revision }: WireAccepted): string {
  return revision === null ? '' : String(revision)
}

function changeOf(config: string | undefined): ChangeRequest {
  if (config === undefined) return { kind: 'reapply' }
  return { kind: 'apply', text: readInput(config), file: config === '-' ? null : config }
}

function readPlan(path: string): WirePlan {
  try {
    return JSON.parse(readInput(path)) as WirePlan
  } catch (error) {
    if (error instanceof OperationalError) throw error
    throw new OperationalError('USAGE', `${path} holds no plan`, {
      hint: 'make one with `gantry plan -o FILE`',
      cause: error,
    })
  }
}

function revisionNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new OperationalError('USAGE', `${text} is no revision number`, { hint: '`gantry revisions` lists them' })
}
