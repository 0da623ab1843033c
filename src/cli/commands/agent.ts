import { resolve } from 'node:path'
import { Command } from 'commander'
import { type AgentFlags, agentFile, agentOptions, joinToken, secretIn, withAgentFlags } from '../agent-flags.ts'
import type { Context } from '../context.ts'
import { socketPath } from '../globals.ts'

interface Flags extends AgentFlags {
  readonly address?: string
  readonly clusterName?: string
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
    .option('--cluster-name <name>', 'which cluster to search for where no server is named (default: default-cluster)')
    .option(
      '--discovery-secret-file <file>',
      'file with the secret that searches are signed with, if the servers have one',
    )
    .addHelpText('after', `\nExamples:\n${EXAMPLES.map((words) => `  gantry agent ${words}`).join('\n')}`)
    .action(async (flags: Flags) => {
      const { runAgent } = await import('../../main/run-agent.ts')
      const file = await agentFile(flags, 'agent', context)
      const given = context.globals
      const dataDir = given.dataOption === null && file.dataDir !== null ? resolve(file.dataDir) : given.dataDir
      context.exitCode = await runAgent({
        ...(await agentOptions(flags, file, dataDir, context)),
        servers: flags.servers ?? file.node.servers ?? [],
        token: joinToken(flags, file),
        address: flags.address ?? file.node.address ?? null,
        discovery: {
          clusterName: flags.clusterName ?? file.clusterName ?? 'default-cluster',
          secret: secretIn(flags.discoverySecretFile),
        },
        socketPath: socketPath({ ...given, dataDir }),
        leave: flags.leave === true,
        logLevel: flags.logLevel,
      })
    })
}
