import { resolve } from 'node:path'
import { Command } from 'commander'
import { confirm } from '../ask.ts'
import type { Context } from '../context.ts'
import { removalText } from '../render/removal.ts'

interface Flags {
  readonly volume?: string
  readonly yes?: boolean
  readonly keepData?: boolean
  readonly force?: boolean
}

const INTERRUPTED = 130

/** `uninstall`: takes away what `install` made. */
export function uninstallCommand(context: Context): Command {
  return new Command('uninstall')
    .description('stop and remove the tasks of this node, its membership, its data and its service')
    .option('--volume <dir>', 'what was given to `install` (default: the data directory, /var/lib/gantry)')
    .option('-y, --yes', 'do it without asking')
    .option('--keep-data', 'leave the data of services where it is')
    .option('-f, --force', 'also where no server can be told: the node stays in the cluster')
    .addHelpText('after', '\nExamples:\n  gantry uninstall\n  gantry uninstall --yes --keep-data')
    .action((flags: Flags) => run(flags, context))
}

async function run(flags: Flags, context: Context): Promise<void> {
  const { planRemoval, uninstall } = await import('../../main/install/uninstall.ts')
  const plan = await planRemoval(resolve(flags.volume ?? context.globals.dataDir))
  const keepData = flags.keepData === true
  context.say(removalText(plan, keepData))
  const answer = await confirm('Uninstall this node?', flags.yes === true)
  if (answer !== 'yes') {
    context.exitCode = answer === 'interrupted' ? INTERRUPTED : 0
    return context.say('Nothing was changed.')
  }
  const leftBehind: string[] = []
  const left = (what: string): void => void leftBehind.push(what)
  await uninstall(plan, { keepData, force: flags.force === true, left })
  for (const what of leftBehind) context.say(`Left behind: ${what}`)
  context.print(
    { nodeId: plan.nodeId, volume: plan.volume, leftBehind },
    () => `[${plan.nodeId ?? '-'}] Node uninstalled`,
  )
}
