import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { OperationalError } from '../../core/errors.ts'
import type { Context } from '../context.ts'
import { goOnAlone } from '../go-on-alone.ts'
import { type PutBackFlags, putBack } from '../put-back.ts'
import { wholeNumber } from '../values.ts'

interface RecoverFlags extends PutBackFlags {
  readonly from?: string
  readonly above?: number
  readonly fromSurvivor?: boolean
}

/** `recover`: goes on after the state in the data directory was damaged or lost, or most servers of a store that they keep. */
export function recoverCommand(context: Context): Command {
  return new Command('recover')
    .description('go on after the state in the data directory was damaged or lost, while no server runs')
    .option('--from <file>', 'a backup (default: of the state file and the backups, what knows most)')
    .option('--from-survivor', 'go on alone when most servers of managed-etcd are gone for good')
    .option('--plan', 'only show what it would do')
    .option('-y, --yes', 'do not ask')
    .option('--above <n>', 'an incarnation that agents have heard of, where this machine cannot know it', wholeNumber)
    .addHelpText(
      'after',
      '\nExamples:\n  gantry recover --plan\n  gantry recover --from /mnt/backups/monday.gantry\n  gantry recover --from-survivor',
    )
    .action(async (flags: RecoverFlags) => {
      if (flags.fromSurvivor === true) return goOnAlone(flags.yes === true, context)
      const { dataDir } = context.globals
      const { lookForState } = await import('../../main/recover.ts')
      const { clusterKeyIn } = await import('../../main/backup-file.ts')
      const { systemSurroundings } = await import('../../main/system-surroundings.ts')
      const found = await lookForState(dataDir, flags.from === undefined ? null : resolve(flags.from))
      if (found.fault === null) {
        context.print({ fault: null }, () => '')
        context.say('The state in the data directory is sound: there is nothing to recover.')
        return
      }
      context.say(found.fault)
      for (const line of found.passedOver) context.say(`Not taken: ${line}.`)
      if (found.best === null) {
        throw new OperationalError(
          'NOT_FOUND',
          `cannot recover the state in ${dataDir}: there is nothing to go on with`,
          {
            hint: 'name a backup with --from; without one, start anew in an empty data directory and apply the manifest',
          },
        )
      }
      await putBack(
        {
          ...found.best,
          kind: 'recovery',
          dataDir,
          target: { kind: 'sqlite', path: join(dataDir, 'state.db') },
          clusterKey: await clusterKeyIn(dataDir),
          above: flags.above ?? 0,
          version: context.version,
          surroundings: systemSurroundings(),
        },
        // What is there is damaged: that is why.
        { ...flags, replace: true },
        context,
      )
    })
}
