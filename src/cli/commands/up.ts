import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import { OperationalError } from '../../core/errors.ts'
import { STRATEGIES } from '../../core/schedule/strategy.ts'
import type { UpOptions } from '../../main/up.ts'
import { LOG_LEVELS, type LogLevel } from '../../ports/log.ts'
import type { AgentFile } from '../agent-file.ts'
import type { Context } from '../context.ts'
import { readInput } from '../files.ts'
import { socketPath, variableOf } from '../globals.ts'
import { pair } from '../values.ts'

interface UpFlags {
  readonly listen?: string
  readonly name?: string
  readonly clusterName?: string
  readonly placement: string
  readonly publicAddress?: string
  readonly label?: Record<string, string>
  readonly runtime?: string
  readonly strategy: (typeof STRATEGIES)[number]
  readonly auth: 'token' | 'none'
  readonly logLevel: LogLevel
  readonly leave?: boolean
  readonly first?: string
  readonly config?: string
}

const EXAMPLES = [
  '--first shop.yaml',
  '--data /srv/gantry --listen 127.0.0.1:9000 --runtime docker',
  '--config agent.yaml --leave',
]

/** `up`: server and agent of a one-node cluster in the foreground. `agent` is its other name until there are more nodes. */
export function upCommand(context: Context, name = 'up'): Command {
  return new Command(name)
    .description(
      name === 'up'
        ? 'run a one-node cluster here, in the foreground'
        : 'the same as `up`: in this version every node is its own server',
    )
    .option('--listen <host:port>', 'address of the API (GANTRY_LISTEN; default 127.0.0.1:8080)')
    .option('--name <name>', 'name of this node (default: <hostname>:7946)')
    .option('--cluster-name <name>', 'name of a cluster that is made now (default: default-cluster)')
    .option('--placement <name>', 'role of this node', 'default')
    .option('--public-address <address>', 'address of this node for the outside')
    .option('--label <key=value>', 'label of this node; may be repeated', pair)
    .option('--runtime <list>', 'what may run tasks: docker, process (GANTRY_RUNTIME; default: both)')
    .addOption(new Option('--strategy <name>', 'how nodes are chosen').choices(STRATEGIES).default('spread'))
    .addOption(
      new Option('--auth <kind>', 'none is possible on loopback only').choices(['token', 'none']).default('token'),
    )
    .addOption(
      new Option('--log-level <level>', 'least grave messages of the log on stderr')
        .choices(LOG_LEVELS)
        .default('warn'),
    )
    .option('--leave', 'Ctrl-C leaves the tasks running')
    .option('--first <file>', 'apply this manifest if the cluster has none yet')
    .option('-c, --config <file>', 'the agent’s own settings; options count more, the environment less')
    .addHelpText('after', `\nExamples:\n${EXAMPLES.map((words) => `  gantry ${name} ${words}`).join('\n')}`)
    .action(async (flags: UpFlags) => {
      const { runUp } = await import('../../main/up.ts')
      const options = await upOptions(flags, context)
      context.exitCode = await runUp(options)
    })
}

async function upOptions(flags: UpFlags, context: Context): Promise<UpOptions> {
  const { parseRuntimes } = await import('../../main/node-process.ts')
  const { globals, env, version } = context
  const file = flags.config === undefined ? null : await agentFile(flags.config, context)
  if (file !== null) refuseOtherStores(file, context)
  const dataDir = globals.dataOption === null && file?.dataDir ? resolve(file.dataDir) : globals.dataDir
  return {
    dataDir,
    name: nodeName(flags.name ?? file?.nodeName ?? null),
    clusterName: flags.clusterName ?? file?.clusterName ?? 'default-cluster',
    placement: flags.placement,
    publicAddress: flags.publicAddress ?? null,
    labels: flags.label ?? {},
    runtimes: parseRuntimes(flags.runtime ?? variableOf(env, 'GANTRY_RUNTIME') ?? undefined),
    dockerHost: variableOf(env, 'DOCKER_HOST') ?? 'unix:///var/run/docker.sock',
    strategy: flags.strategy,
    version,
    listen: address(flags.listen ?? file?.listen ?? variableOf(env, 'GANTRY_LISTEN') ?? '127.0.0.1:8080'),
    socketPath: socketPath({ ...globals, dataDir }),
    auth: flags.auth,
    leave: flags.leave === true,
    logLevel: flags.logLevel,
    first: flags.first === undefined ? null : { file: resolve(flags.first), text: readInput(flags.first) },
  }
}

/** A name stands in command lines, addresses and listings. */
function nodeName(name: string | null): string | null {
  if (name === null || /^[A-Za-z0-9][A-Za-z0-9._:-]{0,252}$/.test(name)) return name
  throw new OperationalError('USAGE', `${JSON.stringify(name)} is no name for a node`, {
    hint: 'use letters, digits and . _ : -',
  })
}

async function agentFile(path: string, context: Context): Promise<AgentFile> {
  const { readAgentFile } = await import('../agent-file.ts')
  return readAgentFile(path, (line) => context.say(`Warning: ${line}`))
}

/** This version of `up` opens SQLite only; a state that is silently elsewhere would be worse than none. */
function refuseOtherStores({ store }: AgentFile, context: Context): void {
  const type = store.type?.value
  if (type === 'etcd' || type === 'zookeeper') {
    throw new OperationalError('UNSUPPORTED', `state cannot be kept in ${type}: this version keeps it in SQLite`, {
      hint: 'leave backend out; the data directory holds the state',
    })
  }
  if (type === 'memory') context.say('Warning: backend has no effect: state is kept in SQLite in the data directory')
}

/** Reads `host:port`, `:port` (loopback) or `[v6]:port`. */
function address(text: string): { host: string; port: number } {
  const parts = /^(\[[^\]]+\]|[^:]*):(\d{1,5})$/.exec(text)
  const port = Number(parts?.[2])
  if (parts === null || port > 65_535) {
    throw new OperationalError('USAGE', `${text} is no address to listen on`, {
      hint: 'use HOST:PORT, for example 127.0.0.1:8080',
    })
  }
  const host = (parts[1] ?? '').replace(/^\[|\]$/g, '')
  return { host: host === '' ? '127.0.0.1' : host, port }
}
