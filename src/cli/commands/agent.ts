import { Command } from 'commander'
import { type AgentFlags, agentOptions, joinToken, secretIn, withAgentFlags } from '../agent-flags.ts'
import type { Context } from '../context.ts'
import { socketPath } from '../globals.ts'

interface Flags extends AgentFlags {
  readonly address?: string
  readonly clusterName: string
  readonly discoverySecretFile?: string
}

const EXAMPLES = [
  '--servers 10.0.0.1,10.0.0.2 --join-token-file token.txt',
  '--join-token-file token.txt   # servers that answer searches are found',
  '--leave',
]

/** `agent`: runs the tasks of a cluster whose servers are elsewhere, in the foreground. */
export function agentCommand(context: Context): Command {
  return withAgentFlags(new Command('agent'))
    .description('run tasks for servers elsewhere, in the foreground; joins their cluster the first time')
    .option('--address <address>', 'where servers reach this machine (default: they are not told)')
    .option('--cluster-name <name>', 'which cluster to search for where no server is named', 'default-cluster')
    .option(
      '--discovery-secret-file <file>',
      'file with the secret that searches are signed with, if the servers have one',
    )
    .addHelpText('after', `\nExamples:\n${EXAMPLES.map((words) => `  gantry agent ${words}`).join('\n')}`)
    .action(async (flags: Flags) => {
      const { runAgent } = await import('../../main/run-agent.ts')
      const { globals } = context
      context.exitCode = await runAgent({
        ...(await agentOptions(flags, null, globals.dataDir, context)),
        servers: flags.servers ?? [],
        token: joinToken(flags),
        address: flags.address ?? null,
        discovery: { clusterName: flags.clusterName, secret: secretIn(flags.discoverySecretFile) },
        socketPath: socketPath(globals),
        leave: flags.leave === true,
        logLevel: flags.logLevel,
      })
    })
}
