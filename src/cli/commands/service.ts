import { Command } from 'commander'
import { carryOut, type WaitFlags, withWaitFlags } from '../carry-out.ts'
import type { Context } from '../context.ts'
import { wholeNumber } from '../values.ts'

export function serviceCommand(context: Context): Command {
  const service = new Command('service')
    .description('change one service of the newest manifest')
    .usage('COMMAND')
    .addHelpText('after', '\nExamples:\n  gantry service scale web 5\n  gantry service restart web')
  const scale = withWaitFlags(service.command('scale'))
  scale
    .description('set the number of replicas; makes a manifest revision')
    .argument('<name>', 'service')
    .argument('<replicas>', 'number of replicas', wholeNumber)
    .addHelpText('after', '\nExamples:\n  gantry service scale web 5\n  gantry service scale web 0 --detach')
    .action((name: string, replicas: number, flags: WaitFlags) =>
      carryOut({ kind: 'scale', service: name, replicas }, null, { ...flags, yes: true }, context),
    )
  const restart = withWaitFlags(service.command('restart'))
  restart
    .description('replace every task of a service, as a rollout would')
    .argument('<name>', 'service')
    .addHelpText('after', '\nExample:\n  gantry service restart web')
    .action((name: string, flags: WaitFlags) =>
      carryOut({ kind: 'restart', service: name }, null, { ...flags, yes: true }, context),
    )
  return service
}
