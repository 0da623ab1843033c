import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { Option } from 'commander'
import { OperationalError } from '../core/errors.ts'
import type { AgentOptions } from '../main/node-process.ts'
import { LOG_LEVELS, type LogLevel } from '../ports/log.ts'
import type { Context } from './context.ts'
import { readInput } from './files.ts'
import { variableOf } from './globals.ts'
import { list, pair } from './values.ts'

/** Options of everything that runs an agent. */
export interface AgentFlags {
  readonly name?: string
  readonly placement: string
  readonly publicAddress?: string
  readonly label?: Record<string, string>
  readonly runtime?: string
  readonly logLevel: LogLevel
  readonly leave?: boolean
  readonly joinTokenFile?: string
  readonly servers?: readonly string[]
}

/** Gives a command the options of `AgentFlags`. */
export function withAgentFlags(command: Command): Command {
  return command
    .option('--name <name>', 'name of this node (default: <hostname>:7946)')
    .option('--placement <name>', 'role of this node', 'default')
    .option('--public-address <address>', 'address of this node for the outside')
    .option('--label <key=value>', 'label of this node; may be repeated', pair)
    .option('--runtime <list>', 'what may run tasks: docker, process (GANTRY_RUNTIME; default: both)')
    .option('--servers <list>', 'servers of a cluster to join, host or host:7947; may be repeated', servers)
    .option('--join-token-file <file>', 'file with the join token, for the first start; - is standard input')
    .addOption(
      new Option('--log-level <level>', 'least grave messages of the log on stderr')
        .choices(LOG_LEVELS)
        .default('warn'),
    )
    .option('--leave', 'Ctrl-C leaves the tasks running')
}

function servers(text: string, before: readonly string[] = []): string[] {
  const named = text.split(',').map((part) => part.trim())
  return named.filter((part) => part !== '').reduce((all, one) => list(one, all), [...before])
}

/** What these flags say of this machine's agent. */
export async function agentOptions(
  flags: AgentFlags,
  name: string | null,
  dataDir: string,
  context: Context,
): Promise<AgentOptions> {
  const { parseRuntimes } = await import('../main/node-process.ts')
  const { env, version } = context
  return {
    dataDir,
    name: nodeName(flags.name ?? name),
    placement: flags.placement,
    publicAddress: flags.publicAddress ?? null,
    labels: flags.label ?? {},
    runtimes: parseRuntimes(flags.runtime ?? variableOf(env, 'GANTRY_RUNTIME') ?? undefined),
    dockerHost: variableOf(env, 'DOCKER_HOST') ?? 'unix:///var/run/docker.sock',
    version,
  }
}

/** The text of the join token that was given; null: none. */
export function joinToken({ joinTokenFile }: AgentFlags): string | null {
  return secretIn(joinTokenFile)
}

/** The same, when its file may be written later; null: none is named, or there is no such file yet. */
export function joinTokenThatIsThere({ joinTokenFile }: AgentFlags): string | null {
  if (joinTokenFile === undefined || (joinTokenFile !== '-' && !existsSync(joinTokenFile))) return null
  const text = secretIn(joinTokenFile)
  return text === '' ? null : text
}

/** What a file with a secret holds; null: none is named. */
export function secretIn(file: string | undefined): string | null {
  return file === undefined ? null : readInput(file).trim()
}

/** A name stands in command lines, addresses and listings. */
function nodeName(name: string | null): string | null {
  if (name === null || /^[A-Za-z0-9][A-Za-z0-9._:-]{0,252}$/.test(name)) return name
  throw new OperationalError('USAGE', `${JSON.stringify(name)} is no name for a node`, {
    hint: 'use letters, digits and . _ : -',
  })
}
