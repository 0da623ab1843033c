import { resolve } from 'node:path'
import { Command } from 'commander'
import { OperationalError } from '../../core/errors.ts'
import { looksLikeJoinToken } from '../../core/identity/join-token.ts'
import { type AgentFlags, agentFile, agentOptions, discoveryIn, joinToken, withAgentFlags } from '../agent-flags.ts'
import type { Context } from '../context.ts'
import { inputRead } from '../files.ts'
import { readToken, socketPath } from '../globals.ts'
import { addressWord } from '../node-words.ts'

interface Flags extends AgentFlags {
  readonly address?: string
  readonly clusterName?: string
  readonly masterUrl?: string
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
    .option(
      '--address <address>',
      'where servers reach this machine (default: the address that it has towards them)',
      addressWord,
    )
    .option('--cluster-name <name>', 'which cluster to search for where no server is named (default: default-cluster)')
    .option(
      '--discovery-secret-file <file>',
      'file with the secret that searches are signed with, if the servers have one',
    )
    .option(
      '--master-url <url>',
      'a server: the URL of its API, or where it listens for machines; --token-file has a join token',
    )
    .addHelpText('after', `\nExamples:\n${EXAMPLES.map((words) => `  gantry agent ${words}`).join('\n')}`)
    .action(async (flags: Flags) => {
      const { runAgent } = await import('../../main/run-agent.ts')
      const { inBackground } = await import('../../main/background.ts')
      const { globals } = context
      const file = await agentFile(flags, 'agent', context)
      for (const [what, value] of [
        ['backend', Object.keys(file.store)[0]],
        ['listen_addr', file.listen],
      ])
        if (value) context.say(`Warning: ${what} has no effect: servers keep the state and serve the API`)
      const dataDir = globals.dataOption === null && file.dataDir !== null ? resolve(file.dataDir) : globals.dataDir
      const clusterName = flags.clusterName ?? file.clusterName ?? 'default-cluster'
      const named = [...(flags.servers ?? []), ...serversAt(flags.masterUrl)]
      const options = {
        ...(await agentOptions(flags, file, dataDir, context)),
        servers: named.length > 0 ? named : (file.node.servers ?? []),
        token: joinToken(flags, file) ?? tokenBesideUrl(flags, globals.tokenFile),
        address: flags.address ?? file.node.address ?? null,
        discovery: discoveryIn(file, clusterName, flags.discoverySecretFile),
        socketPath: socketPath({ ...globals, dataDir }),
        leave: flags.leave === true,
        logLevel: flags.logLevel,
      }
      const run = (): Promise<number> => runAgent(options)
      context.exitCode = await (flags.daemon === true ? inBackground(dataDir, run, inputRead()) : run())
    })
}

const LINK_PORT = 7947

/** Where a server may listen for machines, by Go Orchestrator's option: at that very address, or beside the API there. */
function serversAt(url: string | undefined): readonly string[] {
  if (url === undefined) return []
  const whole = /^[a-z]+:\/\//.test(url) ? url : `link://${url}`
  const { hostname, port, protocol } = URL.canParse(whole) ? new URL(whole) : { hostname: '', port: '', protocol: '' }
  const isKnown = ['http:', 'https:', 'link:'].includes(protocol)
  if (hostname === '' || !isKnown) throw new OperationalError('USAGE', `--master-url ${url} names no server`)
  const beside = `${hostname}:${LINK_PORT}`
  // A URL of the web is that of the API; it may still be the port for machines.
  if (protocol === 'http:' || protocol === 'https:') return port === '' ? [beside] : [beside, `${hostname}:${port}`]
  return [port === '' ? beside : `${hostname}:${port}`]
}

/** The join token that stands in --token-file; a token of the API lets no machine in. */
function tokenBesideUrl({ masterUrl }: Flags, file: string | null): string | null {
  if (masterUrl === undefined || file === null) return null
  const text = readToken(file)
  if (looksLikeJoinToken(text)) return text
  throw new OperationalError('USAGE', `${file} holds no join token`, {
    hint: '`gantry join-token create` on a server makes one; the token of the API lets no machine in',
  })
}
