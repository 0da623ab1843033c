import type { Command } from 'commander'
import { OperationalError } from '../core/errors.ts'
import type { RestoreOptions } from '../main/restore.ts'
import { confirm } from './ask.ts'
import type { Context } from './context.ts'
import { socketPath } from './globals.ts'
import { objectsWritten } from './objects-written.ts'
import { restorePlanText } from './render/restore-plan.ts'
import { wholeNumber } from './values.ts'

export interface PutBackFlags {
  readonly plan?: boolean
  readonly yes?: boolean
  readonly replace?: boolean
}

/** Gives a command the options that say what this machine is for the state. */
export function withPlaceFlags(command: Command): Command {
  return command
    .option('--above <n>', 'an incarnation that agents have heard of, where this machine cannot know it', wholeNumber)
    .option('--cluster-key-file <file>', 'copy of a server’s identity/cluster.key, for a machine that has none')
    .option('--name <name>', 'node that a machine becomes that has the key and no identity (default: as for `up`)')
    .option('--advertise <host>', 'to managed-etcd: which of --seeds this machine is (default: found out)')
}

/** What every way of putting a state back here needs to know of this machine. */
export async function placeToPutBack(
  flags: { readonly above?: number; readonly name?: string },
  clusterKey: Buffer | null,
  context: Context,
): Promise<
  Pick<RestoreOptions, 'dataDir' | 'socketPath' | 'name' | 'clusterKey' | 'above' | 'version' | 'surroundings'>
> {
  const { nodeName } = await import('../main/node-process.ts')
  const { systemSurroundings } = await import('../main/system-surroundings.ts')
  return {
    dataDir: context.globals.dataDir,
    socketPath: socketPath(context.globals),
    name: nodeName({ name: flags.name ?? null }),
    clusterKey,
    above: flags.above ?? 0,
    version: context.version,
    surroundings: systemSurroundings(),
  }
}

const DECLINED = 1
const INTERRUPTED = 130

/** Shows what putting a state back would do, asks, and does it, if it still is what was shown. */
export async function putBack(options: RestoreOptions, flags: PutBackFlags, context: Context): Promise<void> {
  const { planRestore, restore } = await import('../main/restore.ts')
  const plan = await planRestore(options)
  if (flags.plan === true) {
    context.print(plan, (value) => restorePlanText(value, context.out))
    return
  }
  context.say(restorePlanText(plan, context.err))
  if (plan.present !== 'nothing' && flags.replace !== true) {
    throw new OperationalError('ALREADY_EXISTS', `there is a state in ${plan.to} already`, {
      hint: 'what would be lost is listed above; add --replace to go ahead',
    })
  }
  const answer = await confirm('Put this state back?', flags.yes === true)
  if (answer !== 'yes') {
    context.say('Nothing was changed.')
    context.exitCode = answer === 'interrupted' ? INTERRUPTED : DECLINED
    return
  }
  if (JSON.stringify(await planRestore(options)) !== JSON.stringify(plan)) {
    throw new OperationalError('PLAN_STALE', `what is in ${plan.to} has changed since the plan was shown`, {
      hint: 'look at the plan again',
    })
  }
  const { incarnation, kept } = await restore(options, flags.replace === true, objectsWritten(context))
  if (kept !== null) context.say(`What was there is kept as ${kept}.`)
  context.print({ incarnation, kept }, () => '')
  context.say(context.err.good(`The state is back, as incarnation ${incarnation}. Start the servers as before.`))
}
