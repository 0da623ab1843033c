import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { Option } from 'commander'
import { OperationalError } from '../core/errors.ts'
import { whyNoNodeName } from '../core/manifest/names.ts'
import type { Role } from '../core/model/identity.ts'
import type { DiscoveryOptions } from '../main/discovery.ts'
import { installPaths } from '../main/install/paths.ts'
import type { AgentOptions } from '../main/node-process.ts'
import { LOG_LEVELS, type LogLevel } from '../ports/log.ts'
import type { AgentFile } from './agent-file.ts'
import type { Context } from './context.ts'
import { readInput } from './files.ts'
import { variableOf } from './globals.ts'
import { addressWord, labelWord, nodeNameWord, placementWord, placeWord } from './node-words.ts'
import { list } from './values.ts'

/** Options of everything that runs an agent. */
export interface AgentFlags {
  readonly name?: string
  readonly placement?: string
  readonly publicAddress?: string
  readonly region?: string
  readonly zone?: string
  readonly label?: Record<string, string>
  readonly runtime?: string
  readonly logLevel: LogLevel
  readonly leave?: boolean
  readonly daemon?: boolean
  readonly joinTokenFile?: string
  readonly servers?: readonly string[]
  readonly config?: string
}

/** Gives a command the options of `AgentFlags`. */
export function withAgentFlags(command: Command): Command {
  return command
    .option('--name <name>', 'name of this node (default: as before, at first <hostname>:7946)', nodeNameWord)
    .option('--placement <name>', 'role of this node (default: default)', placementWord)
    .option('--public-address <address>', 'address of this node for the outside', addressWord)
    .option('--region <name>', 'region that this node is in', placeWord)
    .option('--zone <name>', 'zone that this node is in', placeWord)
    .option('--label <key=value>', 'label of this node; may be repeated', labelWord)
    .option('--runtime <list>', 'what may run tasks: docker, process (GANTRY_RUNTIME; default: what is there)')
    .option('--servers <list>', 'servers of a cluster to join, host or host:7947; may be repeated', servers)
    .option('--join-token-file <file>', 'file with the join token or the cluster secret; - is standard input')
    .option('-c, --config <file>', 'the agent’s own settings; options count more, the environment less')
    .addOption(
      new Option('--log-level <level>', 'least grave messages of the log on stderr')
        .choices(LOG_LEVELS)
        .default('warn'),
    )
    .option('--leave', 'Ctrl-C leaves the tasks running')
    .option(
      '-d, --daemon',
      'run in the background; returns when it is up, with its pid and its log in the data directory',
    )
}

function servers(text: string, before: readonly string[] = []): string[] {
  const named = text.split(',').map((part) => part.trim())
  return named.filter((part) => part !== '').reduce((all, one) => list(one, all), [...before])
}

/** What these flags say of this machine's agent. */
export async function agentOptions(
  flags: AgentFlags,
  { node, nodeName: named }: Pick<AgentFile, 'node' | 'nodeName'>,
  dataDir: string,
  context: Context,
): Promise<AgentOptions> {
  const { parseRuntimes } = await import('../main/node-process.ts')
  const { keptName } = await import('../main/kept-name.ts')
  const { env, version } = context
  return {
    dataDir,
    name: nodeName(flags.name ?? node.name ?? named ?? (await keptName(dataDir))),
    placement: flags.placement ?? node.placement ?? 'default',
    publicAddress: flags.publicAddress ?? node.public_address ?? null,
    region: flags.region ?? node.region ?? null,
    zone: flags.zone ?? node.zone ?? null,
    labels: { ...node.labels, ...flags.label },
    runtimes: parseRuntimes(
      flags.runtime ?? node.runtimes?.join(',') ?? variableOf(env, 'GANTRY_RUNTIME') ?? undefined,
    ),
    dockerHost: node.docker_host ?? variableOf(env, 'DOCKER_HOST') ?? 'unix:///var/run/docker.sock',
    version,
  }
}

/** How servers are searched for, and searches answered. */
export function discoveryIn(
  { discovery }: Pick<AgentFile, 'discovery'>,
  clusterName: string,
  secretFile: string | undefined,
): DiscoveryOptions {
  return { ...discovery, clusterName, secret: secretIn(secretFile) }
}

/** The text of the join token or cluster secret that was given; null: none. */
export function joinToken({ joinTokenFile }: AgentFlags, { node }: Pick<AgentFile, 'node'>): string | null {
  return secretIn(joinTokenFile ?? node.join_token_file)
}

/**
 * What the agent's own file says: the one that is named, else that of a node which is installed in the data directory, if
 * one is. Throws CONFIG_INVALID, also for the file of a node with another role.
 */
export async function agentFile(flags: AgentFlags, role: Role, context: Context): Promise<AgentFile> {
  const { NO_FILE, readAgentFile } = await import('./agent-file.ts')
  const config = flags.config ?? installedFile(context)
  if (config === null) return NO_FILE
  const file = readAgentFile(config, (line) => context.say(`Warning: ${line}`))
  const { role: other = role } = file.node
  if (other === role) return file
  throw new OperationalError('CONFIG_INVALID', `${config} is of a node with role ${other}`, {
    hint: `start it with \`gantry ${other === 'server' ? 'up' : 'agent'}\``,
  })
}

function installedFile({ globals: { dataDir } }: Context): string | null {
  const { settings, record } = installPaths(dataDir)
  return existsSync(record) && existsSync(settings) ? settings : null
}

/** The same, when its file may be written later; null: none is named, or there is no such file yet. */
export function joinTokenThatIsThere(flags: AgentFlags, { node }: Pick<AgentFile, 'node'>): string | null {
  const joinTokenFile = flags.joinTokenFile ?? node.join_token_file
  if (joinTokenFile === undefined || (joinTokenFile !== '-' && !existsSync(joinTokenFile))) return null
  const text = secretIn(joinTokenFile)
  return text === '' ? null : text
}

/** What a file with a secret holds; null: none is named. */
export function secretIn(file: string | undefined): string | null {
  return file === undefined ? null : readInput(file).trim()
}

/** One that stands in a file has not been looked at. */
function nodeName(name: string | null): string | null {
  const why = name === null ? null : whyNoNodeName(name)
  if (why !== null) throw new OperationalError('USAGE', why)
  return name
}
