import { Command } from 'commander'
import { OperationalError } from '../../core/errors.ts'
import type { Recovery } from '../../main/managed-etcd/recover.ts'
import { confirm } from '../ask.ts'
import type { Context } from '../context.ts'
import { socketPath } from '../globals.ts'

interface RecoverFlags {
  readonly fromSurvivor?: boolean
  readonly yes?: boolean
}

const QUESTION = `This server goes on alone with what it has of the state. What the others had acknowledged and this one
had not heard of is lost. Never start the others again with their old data. Go on?`

/** \`recover\`: makes a store that has lost its majority work again. */
export function recoverCommand(context: Context): Command {
  return new Command('recover')
    .description('make the store work again when most of its servers are gone for good; Gantry must be stopped here')
    .option('--from-survivor', 'go on with what this server has (managed-etcd)')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', '\nExample:\n  gantry recover --from-survivor')
    .action(async ({ fromSurvivor, yes }: RecoverFlags) => {
      if (fromSurvivor !== true) {
        throw new OperationalError('USAGE', 'it is not said from what to recover', { hint: 'give --from-survivor' })
      }
      const answer = await confirm(QUESTION, yes === true)
      if (answer !== 'yes') {
        context.say('Nothing was changed.')
        context.exitCode = answer === 'interrupted' ? 130 : 1
        return
      }
      const { recoverHere } = await import('../../main/managed-etcd/recover.ts')
      const { dataDir } = context.globals
      const done = await recoverHere({ dataDir, socketPath: socketPath(context.globals), by: 'local user' })
      context.print(done, recoveryText)
    })
}

function recoveryText({ survivor, storeRevision, incarnation }: Recovery): string {
  return [
    `Server ${survivor} is the only member of the store now: revision ${storeRevision}, incarnation ${incarnation}.`,
    'Next: start it again with `gantry up` as before. Agents come back to it by themselves, and nothing is restarted.',
    'Join tokens from before are void. The other servers join anew: `gantry node rm` them, remove etcd/ and',
    'identity/ from their data directories, and start them with a new token.',
  ].join('\n')
}
