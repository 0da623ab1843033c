import { resolve } from 'node:path'
import { Command } from 'commander'
import { OperationalError } from '../../core/errors.ts'
import type { OwnPlace } from '../../main/managed-etcd/own-place.ts'
import type { StoreOptions } from '../../main/open-store.ts'
import type { Context } from '../context.ts'
import { goOnAlone } from '../go-on-alone.ts'
import { type PutBackFlags, placeToPutBack, putBack, withPlaceFlags } from '../put-back.ts'
import { storeOutside } from '../store-options.ts'
import { STORE_FLAGS, settingsOfFlags } from '../store-settings.ts'

type StateFile = Extract<StoreOptions, { readonly kind: 'sqlite' }>

interface RecoverFlags extends PutBackFlags {
  readonly name?: string
  readonly advertise?: string
  readonly clusterKeyFile?: string
  readonly from?: string
  readonly above?: number
  readonly fromSurvivor?: boolean
}

const MANAGED = /^--(backend-type|backend-namespace|seeds|etcd-client-port|etcd-peer-port|etcd-program) /

/** `recover`: goes on after the state in the data directory was damaged or lost, or most servers of a store that they keep. */
export function recoverCommand(context: Context): Command {
  const command = new Command('recover')
    .description('go on after the state in the data directory was damaged or lost, while no server runs')
    .option('--from <file>', 'a backup (default: of the state file and the backups, what knows most)')
    .option('--from-survivor', 'go on alone when most servers of managed-etcd are gone for good')
    .option('--plan', 'only show what it would do')
    .option('-y, --yes', 'do not ask')
  withPlaceFlags(command)
  for (const [words, description] of STORE_FLAGS) if (MANAGED.test(words)) command.option(words, description)
  return command
    .addHelpText(
      'after',
      '\nExamples:\n  gantry recover --plan\n  gantry recover --from /mnt/backups/monday.gantry\n  gantry recover --from-survivor --plan\n  gantry recover --from-survivor',
    )
    .action((flags: RecoverFlags) => recover(flags, context))
}

async function recover(flags: RecoverFlags, context: Context): Promise<void> {
  if (flags.fromSurvivor === true) {
    if (flags.from !== undefined) throw new OperationalError('USAGE', 'give either --from or --from-survivor')
    return goOnAlone(flags, context)
  }
  const { dataDir } = context.globals
  const { lookForBackup, lookForState } = await import('../../main/recover.ts')
  const { recoveryKey } = await import('../../main/recovery-key.ts')
  const backup = flags.from === undefined ? null : resolve(flags.from)
  const target = await targetOf(flags, context)
  const look = target.kind === 'sqlite' ? lookForState : lookForBackup
  const clusterKey = await recoveryKey(dataDir, flags.clusterKeyFile ?? null, () => look(dataDir, backup, null))
  const found = await look(dataDir, backup, clusterKey)
  if (found.fault === null) {
    context.print({ fault: null }, () => '')
    context.say(
      target.kind === 'sqlite'
        ? 'The state in the data directory is sound: there is nothing to recover.'
        : 'etcd has its data here: start the server. A backup given with --from takes the place of that data.',
    )
    return
  }
  context.say(found.fault)
  for (const line of found.passedOver) context.say(`Not taken: ${line}.`)
  if (found.best === null) {
    throw new OperationalError('NOT_FOUND', `cannot recover the state in ${dataDir}: there is nothing to go on with`, {
      hint: 'name a backup with --from, and the cluster key that made it with --cluster-key-file; without one, start anew in an empty data directory and apply the manifest',
    })
  }
  const here = await placeToPutBack(flags, clusterKey, context)
  // What is there is damaged: that is why.
  await putBack({ ...here, ...found.best, kind: 'recovery', target }, { ...flags, replace: true }, context)
}

async function targetOf(flags: RecoverFlags, context: Context): Promise<StateFile | OwnPlace> {
  const { dataDir } = context.globals
  const warn = (line: string): void => context.say(`Warning: ${line}`)
  const store = storeOutside({ flags: settingsOfFlags({ ...flags }), file: {}, dataDir }, warn)
  if (store.kind === 'sqlite') return store
  if (store.kind === 'managed-etcd') {
    const { ownPlace } = await import('../../main/managed-etcd/own-place.ts')
    return ownPlace(store, flags.advertise ?? null, null)
  }
  throw new OperationalError('USAGE', `a state in ${store.kind} is not of this machine: nothing here can recover it`, {
    hint: '`gantry backup restore` puts a backup back there',
  })
}
