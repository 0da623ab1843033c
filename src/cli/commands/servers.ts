import { Command } from 'commander'
import type { ServerView } from '../../core/model/view.ts'
import type { Context } from '../context.ts'
import type { Format } from '../render/format.ts'
import { table } from '../render/table.ts'

export function serversCommand(context: Context): Command {
  const command = new Command('servers')
    .description('the servers that keep the store themselves (managed-etcd)')
    .action(async () => context.print(await context.client().servers(), serversText))
  command
    .command('rm')
    .description('take a server out of the store, also one that is lost; refused if the rest would be no majority')
    .argument('<server>', 'its name, address or id, as `gantry servers` shows it')
    .addHelpText('after', '\nExample:\n  gantry servers rm s3')
    .action(async (server: string) => {
      const removed = await context.client().removeServer(server)
      context.say(
        `Server ${removed.name || removed.address} is out of the store. Its node is still there: \`gantry node rm\`.`,
      )
      context.print(removed, () => '')
    })
  return command.addHelpText(
    'after',
    '\nSTORE says who leads the members of the store; `gantry nodes` says which server leads the cluster.\n\nExamples:\n  gantry servers\n  gantry servers --json\n  gantry servers rm s3',
  )
}

function serversText(servers: readonly ServerView[], { width }: Format): string {
  if (servers.length === 0) return 'No servers keep the store: it is kept elsewhere, or by this server alone.'
  const rows = servers.map(({ name, address, isVoting, leads, alive, version, id }) => [
    name || '(joining)',
    address,
    isVoting ? 'voting' : 'learning',
    alive ? 'alive' : 'silent',
    leads ? 'leads' : '',
    version ?? '',
    id,
  ])
  return table(['SERVER', 'ADDRESS', 'VOTE', 'STATE', 'STORE', 'ETCD', 'MEMBER'], rows, width)
}
