import { resolve } from 'node:path'
import { Command } from 'commander'
import { OperationalError } from '../../core/errors.ts'
import type { OwnPlace } from '../../main/managed-etcd/own-place.ts'
import type { ManagedEtcdOptions, StoreOptions } from '../../main/open-store.ts'
import type { Context } from '../context.ts'
import { type PutBackFlags, placeToPutBack, putBack, withPlaceFlags } from '../put-back.ts'
import { backupsText } from '../render/backups.ts'
import { storeOutside } from '../store-options.ts'
import { STORE_FLAGS, settingsOfFlags } from '../store-settings.ts'

export function backupCommand(context: Context): Command {
  const backup = new Command('backup')
    .description('backups of the whole state: make, list, check, put back')
    .usage('COMMAND')
    .addHelpText('after', '\nExamples:\n  gantry backup create shop.gantry\n  gantry backup verify shop.gantry')
  addCreate(backup, context)
  addList(backup, context)
  addVerify(backup, context)
  addRestore(backup, context)
  return backup
}

function addCreate(backup: Command, context: Context): void {
  backup
    .command('create')
    .description('make one while the cluster works: into FILE here, or kept by the server that leads')
    .argument('[file]', 'a file that is not there yet; left out: the server keeps it')
    .option('--name <name>', 'how the server calls it (default: cluster, incarnation and revision)')
    .addHelpText('after', '\nExamples:\n  gantry backup create\n  gantry backup create /mnt/backups/monday.gantry')
    .action(async (file: string | undefined, { name }: { readonly name?: string }) => {
      if (file === undefined) {
        const made = await context.client().createBackup(name ?? null)
        context.print(made, ({ path }) => path)
        return
      }
      if (name !== undefined) throw new OperationalError('USAGE', '--name is for backups that the server keeps')
      if (file === '-') {
        const hint = 'name a file that is not there yet'
        throw new OperationalError('USAGE', 'a backup is not written to standard output', { hint })
      }
      await createInto(resolve(file), context)
    })
}

/** Writes the file, and reads it again: what is there then is a whole backup. */
async function createInto(path: string, context: Context): Promise<void> {
  const { keepBackupAt } = await import('../../main/backup-file.ts')
  const ending = new AbortController()
  const { header } = await keepBackupAt(path, told(context.client().backUp(ending.signal), context))
  context.print({ path, ...header }, () => path)
}

const TOLD_EVERY = 10_000

async function* told(lines: AsyncIterable<string>, context: Context): AsyncGenerator<string> {
  let count = 0
  for await (const line of lines) {
    count += 1
    if (count % TOLD_EVERY === 0) context.say(`  ${count} objects`)
    yield line
  }
}

function addList(backup: Command, context: Context): void {
  backup
    .command('list')
    .alias('ls')
    .description('those that the server that leads keeps, the newest first')
    .addHelpText('after', '\nExamples:\n  gantry backup list\n  gantry backup list --json')
    .action(async () => context.print(await context.client().backups(), backupsText))
}

function addVerify(backup: Command, context: Context): void {
  backup
    .command('verify')
    .description('check every byte of one, and who made it; ends with 1 if it cannot be used')
    .argument('<file>', 'the backup')
    .addHelpText('after', '\nExample:\n  gantry backup verify shop.gantry')
    .action(async (file: string) => {
      const { clusterKeyIn, madeAt, readBackupFile } = await import('../../main/backup-file.ts')
      const { header, authenticity } = await readBackupFile(file, await clusterKeyIn(context.globals.dataDir))
      const proof = {
        proven: 'it was made by a server of the cluster whose key is here',
        'unknown key': 'its cluster key is not here, so nothing proves who made it',
        none: 'its cluster has no key, so nothing proves who made it',
      }[authenticity]
      context.print({ ...header, authenticity }, () =>
        [
          `${file} is whole: ${header.records} objects of cluster ${header.clusterName} (${header.clusterId}),`,
          `incarnation ${header.incarnation}, storeRevision ${header.storeRevision}, made ${madeAt(header)};`,
          proof,
        ].join('\n'),
      )
    })
}

interface RestoreFlags extends PutBackFlags {
  readonly above?: number
  readonly name?: string
  readonly advertise?: string
  readonly clusterKeyFile?: string
}

function addRestore(backup: Command, context: Context): void {
  const command = backup
    .command('restore')
    .description('put one back as the next incarnation, while no server runs; tasks run on meanwhile')
    .argument('<file>', 'the backup')
    .option('--plan', 'only show what it would do')
    .option('-y, --yes', 'do not ask')
    .option('--replace', 'in the place of a state that is there; that one is kept aside')
  withPlaceFlags(command)
  for (const [flags, description] of STORE_FLAGS) command.option(flags, description)
  command
    .addHelpText(
      'after',
      '\nExamples:\n  gantry backup restore shop.gantry --plan\n  gantry backup restore shop.gantry --replace',
    )
    .action(async (file: string, flags: RestoreFlags) => {
      const { readBackupFile, restoreKeys, stateIn } = await import('../../main/backup-file.ts')
      const { dataDir } = context.globals
      const { before, after } = await restoreKeys(dataDir, flags.clusterKeyFile ?? null)
      const backupFile = await readBackupFile(resolve(file), before)
      const state = stateIn(backupFile)
      const { resealState } = await import('../../main/reseal-state.ts')
      const isOther = before !== null && after !== null && !before.equals(after)
      const warn = (line: string): void => context.say(`Warning: ${line}`)
      const store = storeOutside({ flags: settingsOfFlags({ ...flags }), file: {}, dataDir }, warn)
      if (store.kind === 'memory')
        throw new OperationalError('USAGE', 'a state cannot be put into memory: it would be gone with this command')
      await putBack(
        {
          ...(await placeToPutBack(flags, after, context)),
          from: `the backup ${backupFile.path}, storeRevision ${backupFile.header.storeRevision}`,
          state: isOther ? resealState(state, before, after) : state,
          kind: 'restore',
          target: await targetOf(store, flags.advertise ?? null),
        },
        flags,
        context,
      )
    })
}

async function targetOf(
  store: StoreOptions | ManagedEtcdOptions,
  advertise: string | null,
): Promise<StoreOptions | OwnPlace> {
  if (store.kind !== 'managed-etcd') return store
  const { ownPlace } = await import('../../main/managed-etcd/own-place.ts')
  return ownPlace(store, advertise, null)
}
