import { Command, Option } from 'commander'
import { OperationalError } from '../../core/errors.ts'
import type { MovePlan } from '../../main/move.ts'
import { confirm } from '../ask.ts'
import type { Context } from '../context.ts'
import { socketPath } from '../globals.ts'
import { objectsWritten } from '../objects-written.ts'
import { movePlanText } from '../render/move-plan.ts'
import { storeOutside } from '../store-options.ts'
import { STORE_FLAGS, settingsOfFlags } from '../store-settings.ts'

interface MoveFlags {
  readonly to: string
  readonly from?: 'managed-etcd'
  readonly advertise?: string
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
    .requiredOption('--to <kind>', 'where to: managed-etcd, etcd, zookeeper, sqlite (in the data directory)')
    .addOption(
      new Option('--from <kind>', 'where from: the etcd of this server, once it is the only one').choices([
        'managed-etcd',
      ]),
    )
    .option(
      '-c, --config <file>',
      'the agent’s file that says where the state is now (default: SQLite in the data directory)',
    )
    .option('--plan', 'only show what it would do')
    .option('-y, --yes', 'do not ask')
    .option('--replace', 'to sqlite or managed-etcd: in the place of what is there; that is kept aside')
    .option('--advertise <host>', 'to managed-etcd: which of --seeds this machine is (default: found out)')
  for (const [flags, description] of STORE_FLAGS) {
    if (!flags.startsWith('--backend-type')) move.option(flags, description)
  }
  move
    .addHelpText(
      'after',
      '\nExamples:\n  gantry store move --to managed-etcd --seeds 10.0.0.1,10.0.0.2,10.0.0.3\n  gantry store move --to etcd --etcd-endpoints 10.0.0.9:2379\n  gantry store move --config agent.yaml --to sqlite',
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
  const present = storeOutside({ flags: {}, file, dataDir }, warn)
  const source = flags.from === 'managed-etcd' || present.kind === 'managed-etcd' ? 'own etcd' : present
  const target = storeOutside({ flags: settingsOfFlags({ ...flags, backendType: flags.to }), file: {}, dataDir }, warn)
  await using mover = await Mover.open({
    source,
    target,
    dataDir,
    socketPath: socketPath(context.globals),
    advertise: flags.advertise ?? null,
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
  const told = await mover.tellInstalled()
  context.print({ to: plan.to, incarnation, records, startWith: plan.startWith }, () => '')
  const done = wasDone ? 'The state had been moved already' : `${records} objects were moved and compared`
  context.say(context.err.good(`${done}; it is of incarnation ${incarnation} now.`))
  context.say(
    told === null ? `Start the servers with ${plan.startWith}` : `Start the server again: ${told} says so now.`,
  )
}

/** Both places are held since the plan was shown, but somebody may write where nothing holds him back. */
function requireSame(before: MovePlan, now: MovePlan): void {
  if (JSON.stringify(before) === JSON.stringify(now)) return
  throw new OperationalError('PLAN_STALE', 'what is to be moved has changed since the plan was shown', {
    hint: 'look at the plan again',
  })
}
