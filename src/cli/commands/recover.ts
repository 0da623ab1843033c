import { Command } from 'commander'
import { OperationalError } from '../../core/errors.ts'
import type { Context } from '../context.ts'
import { goOnAlone } from '../go-on-alone.ts'

interface RecoverFlags {
  readonly fromSurvivor?: boolean
  readonly yes?: boolean
}

/** `recover`: makes a store that has lost its majority work again. */
export function recoverCommand(context: Context): Command {
  return new Command('recover')
    .description('make the store work again when most of its servers are gone for good; Gantry must be stopped here')
    .option('--from-survivor', 'go on with what this server has (managed-etcd)')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', '\nExample:\n  gantry recover --from-survivor')
    .action(async ({ fromSurvivor, yes }: RecoverFlags) => {
      if (fromSurvivor === true) return goOnAlone(yes === true, context)
      throw new OperationalError('USAGE', 'it is not said from what to recover', { hint: 'give --from-survivor' })
    })
}
