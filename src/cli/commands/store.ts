import { Command } from 'commander'
import { OperationalError } from '../../core/errors.ts'
import type { MovePlan } from '../../main/move.ts'
import { confirm } from '../ask.ts'
import type { Context } from '../context.ts'
import { objectsWritten } from '../objects-written.ts'
import { movePlanText } from '../render/move-plan.ts'
import { storeOutside } from '../store-options.ts'
import { STORE_FLAGS, settingsOfFlags } from '../store-settings.ts'

interface MoveFlags {
  readonly to: string
  readonly config?: string
  readonly plan?: boolean
  readonly yes?: boolean
  readonly replace?: boolean
}

const DECLINED = 1
const INTERRUPTED = 130

/** `store`: where the state of the cluster is kept. */
export function storeCommand(context: Context): Command {
  const store = new Command('store')
    .description('where the state of the cluster is kept')
    .usage('COMMAND')
    .addHelpText('after', '\nExample:\n  gantry store move')
  const move = store
    .command('move')
    .description('move the state to another store, while no server runs; tasks run on meanwhile')
    .requiredOption('--to <kind>', 'where to: etcd, zookeeper, sqlite (in the data directory)')
    .option(
      '-c, --config <file>',
      'the agent’s file that says where the state is now (default: SQLite in the data directory)',
    )
    .option('--plan', 'only show what it would do')
    .option('-y, --yes', 'do not ask')
    .option('--replace', 'to SQLite: in the place of a file that is there; that one is kept aside')
  for (const [flags, description] of STORE_FLAGS) {
    if (!flags.startsWith('--backend-type')) move.option(flags, description)
  }
  move
    .addHelpText(
      'after',
      '\nExamples:\n  gantry store move --to etcd --etcd-endpoints 10.0.0.9:2379\n  gantry store move --config agent.yaml --to sqlite',
    )
    .action((flags: MoveFlags) => moveStore(flags, context))
  return store
}

async function moveStore(flags: MoveFlags, context: Context): Promise<void> {
  const { Mover } = await import('../../main/move.ts')
  const { systemSurroundings } = await import('../../main/system-surroundings.ts')
  const { dataDir } = context.globals
  const warn = (line: string): void => context.say(`Warning: ${line}`)
  const file =
    flags.config === undefined ? {} : (await import('../agent-file.ts')).readAgentFile(flags.config, warn).store
  const source = storeOutside({ flags: {}, file, dataDir }, warn)
  const target = storeOutside({ flags: settingsOfFlags({ ...flags, backendType: flags.to }), file: {}, dataDir }, warn)
  await using mover = await Mover.open({
    source,
    target,
    dataDir,
    replace: flags.replace === true,
    surroundings: systemSurroundings(),
  })
  const plan = await mover.plan()
  if (flags.plan === true) return context.print(plan, (value) => movePlanText(value, context.out))
  context.say(movePlanText(plan, context.err))
  const answer = await confirm('Move the state?', flags.yes === true)
  if (answer !== 'yes') {
    context.say('Nothing was changed.')
    context.exitCode = answer === 'interrupted' ? INTERRUPTED : DECLINED
    return
  }
  requireSame(plan, await mover.plan())
  const { incarnation, records, wasDone } = await mover.move(objectsWritten(context))
  context.print({ to: plan.to, incarnation, records, startWith: plan.startWith }, () => '')
  const done = wasDone ? 'The state had been moved already' : `${records} objects were moved and compared`
  context.say(context.err.good(`${done}; it is of incarnation ${incarnation} now.`))
  context.say(`Start the servers with ${plan.startWith}`)
}

/** Both places are held since the plan was shown, but somebody may write where nothing holds him back. */
function requireSame(before: MovePlan, now: MovePlan): void {
  if (JSON.stringify(before) === JSON.stringify(now)) return
  throw new OperationalError('PLAN_STALE', 'what is to be moved has changed since the plan was shown', {
    hint: 'look at the plan again',
  })
}
