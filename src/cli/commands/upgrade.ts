import { Command, Option } from 'commander'
import { OperationalError } from '../../core/errors.ts'
import { LEVEL } from '../../core/model/level.ts'
import type { UpgradeChange } from '../../core/model/plan.ts'
import type { WirePlan } from '../../transport/wire.ts'
import { confirm } from '../ask.ts'
import type { Context } from '../context.ts'
import { writePlan } from '../plan-file.ts'
import { upgradeText } from '../render/upgrade.ts'
import { seconds } from '../values.ts'

interface UpgradeFlags {
  readonly wait?: boolean
  readonly force?: boolean
  readonly yes?: boolean
  readonly output?: string
  readonly timeout: number
}

const TIMEOUT_MS = 3_600_000
const LOOK_MS = 1_000
/** A server that is being upgraded, or another one that takes over, answers within that time. */
const PATIENCE_MS = 60_000
const DECLINED = 1
const PENDING = 10

export function upgradeCommand(context: Context): Command {
  return new Command('upgrade')
    .description('in which order the machines get this version, whether they have it, and the end of going back')
    .option('-w, --wait', 'follow the machines until all have it')
    .option('-f, --force', 'do not wait for agents that cannot be reached')
    .option('-y, --yes', 'do not ask before the level of the cluster is raised')
    .option('-o, --output <file>', 'keep the plan for `apply --plan`; nothing is changed')
    .addOption(
      new Option('--timeout <time>', 'with --wait: at most so long').argParser(seconds).default(TIMEOUT_MS, '1h'),
    )
    .addHelpText(
      'after',
      '\nRun it with the new version, before the machines get it and when they have it.\n\nExamples:\n  gantry upgrade\n  gantry upgrade --wait --yes',
    )
    .action(async (flags: UpgradeFlags) => upgrade(flags, context))
}

async function upgrade(flags: UpgradeFlags, context: Context): Promise<void> {
  const change: UpgradeChange = { kind: 'upgrade', version: context.version, level: LEVEL, force: flags.force === true }
  const first = await context.client().plan(change)
  if (flags.output !== undefined) writePlan(flags.output, first)
  const show = (plan: WirePlan): void =>
    context.print(plan, (value) => upgradeText(value, context.version, context.out))
  if (flags.output !== undefined) return show(first)
  if (flags.wait !== true || first.nodes.length === 0) show(first)
  else context.say(upgradeText(first, context.version, context.err))
  const plan = flags.wait === true ? await followed(first, change, flags.timeout, context) : first
  if (plan.blockers.length > 0) {
    context.exitCode = PENDING
    return
  }
  if (plan.level === null) return
  if ((await confirm('Raise the level of the cluster?', flags.yes === true)) !== 'yes') {
    context.say('Nothing was changed.')
    context.exitCode = DECLINED
    return
  }
  await context.client().apply(change, plan)
  context.say(context.err.good(`The cluster is at level ${plan.level.to}.`))
}

/** null: no server answers for the moment. Throws what keeps it from answering when that has lasted too long. */
async function planIfAnswered(change: UpgradeChange, context: Context, silentMs: number): Promise<WirePlan | null> {
  try {
    return await context.client().plan(change)
  } catch (error) {
    const passing = error instanceof OperationalError && (error.code === 'UNAVAILABLE' || error.code === 'NOT_LEADER')
    if (passing && silentMs < PATIENCE_MS) return null
    throw error
  }
}

/** Says each machine that has got the version; ends when all have, or after `timeout` milliseconds. */
async function followed(first: WirePlan, change: UpgradeChange, timeout: number, context: Context): Promise<WirePlan> {
  const until = Date.now() + timeout
  let plan = first
  for (let heardAt = Date.now(); plan.nodes.length > 0 && Date.now() < until; ) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    const now = await planIfAnswered(change, context, Date.now() - heardAt)
    if (now === null) continue
    heardAt = Date.now()
    const left = new Set(now.nodes.map(({ node }) => node))
    for (const { node, name } of plan.nodes) {
      if (!left.has(node)) context.say(`node ${node} (${name}) runs ${change.version}; ${now.nodes.length} to go`)
    }
    plan = now
  }
  return plan
}
