import { Command } from 'commander'
import type { Context } from '../context.ts'
import { wholeNumber } from '../values.ts'
import { carryOut } from './manifest.ts'

export function serviceCommand(context: Context): Command {
  const service = new Command('service')
    .description('change one service of the newest manifest')
    .addHelpText('after', '\nExamples:\n  gantry service scale web 5\n  gantry service restart web')
  service
    .command('scale')
    .description('set the number of replicas; makes a manifest revision')
    .argument('<name>', 'service')
    .argument('<replicas>', 'number of replicas', wholeNumber)
    .option('-d, --detach', 'do not wait')
    .action((name: string, replicas: number, { detach }: { detach?: boolean }) =>
      carryOut({ kind: 'scale', service: name, replicas }, null, { yes: true, detach: detach === true }, context),
    )
  service
    .command('restart')
    .description('replace every task of a service, as a rollout would')
    .argument('<name>', 'service')
    .option('-d, --detach', 'do not wait')
    .action((name: string, { detach }: { detach?: boolean }) =>
      carryOut({ kind: 'restart', service: name }, null, { yes: true, detach: detach === true }, context),
    )
  return service
}
