import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import { OperationalError } from '../../core/errors.ts'
import type { Millis } from '../../core/model/ids.ts'
import { FAILURE_DETECTIONS, type FailureDetection, vigilanceOf } from '../../core/node/vigilance.ts'
import { STRATEGIES } from '../../core/schedule/strategy.ts'
import type { DiscoveryOptions } from '../../main/discovery.ts'
import type { UpOptions } from '../../main/up.ts'
import { isLoopback } from '../../transport/http/auth.ts'
import type { AgentFile } from '../agent-file.ts'
import {
  type AgentFlags,
  agentFile,
  agentOptions,
  discoveryIn,
  joinToken,
  joinTokenThatIsThere,
  withAgentFlags,
} from '../agent-flags.ts'
import type { Context } from '../context.ts'
import { cubeStart } from '../cube-start.ts'
import { inputRead, readInput } from '../files.ts'
import { socketPath, variableOf } from '../globals.ts'
import { heartbeat } from '../heartbeat.ts'
import { linkOfFile, serversByNodes } from '../servers-by-nodes.ts'
import { storeOptions } from '../store-options.ts'
import { STORE_FLAGS, settingsOfFlags } from '../store-settings.ts'

interface UpFlags extends AgentFlags {
  readonly listen?: string
  readonly clusterName?: string
  readonly link?: string
  readonly advertise?: string
  readonly discovery?: boolean
  readonly discoverySecretFile?: string
  readonly strategy: (typeof STRATEGIES)[number]
  readonly failureDetection?: FailureDetection
  readonly heartbeat?: Millis
  readonly preferRegion?: string
  readonly auth: 'token' | 'none'
  readonly first?: string
}

const EXAMPLES = [
  '--first shop.yaml',
  '--data /srv/gantry --listen 127.0.0.1:9000 --runtime docker',
  '--config agent.yaml --leave',
  '--link 10.0.0.1:7947 --backend-type etcd --etcd-endpoints 10.0.0.9:2379',
  '--link 10.0.0.1:7947 --backend-type managed-etcd --seeds 10.0.0.1,10.0.0.2,10.0.0.3',
]

/** `up`: server and agent of this machine in the foreground. */
export function upCommand(context: Context): Command {
  const command = withAgentFlags(new Command('up'))
    .description('run a server and an agent here, in the foreground; alone, or as one of several')
    .option('--listen <host:port>', 'address of the API (GANTRY_LISTEN; default 127.0.0.1:8080)')
    .option('--cluster-name <name>', 'name of a cluster that is made now (default: default-cluster)')
    .option('--link <host:port>', 'listen for other machines of the cluster; the port is 7947 if it is left out')
    .option('--advertise <host>', 'what the others dial (default: the host of --link)')
    .option('--discovery', 'tell machines that search for servers on this network where this one is (UDP 7946)')
    .option(
      '--discovery-secret-file <file>',
      'file with a secret of 16 characters or more; only searches signed with it are answered',
    )
    .addOption(
      new Option('--failure-detection <kind>', 'how quickly lost machines are found out (default: normal)').choices(
        FAILURE_DETECTIONS,
      ),
    )
    .option('--heartbeat <time>', 'how often agents say that they are there, 250ms to 10s', heartbeat)
    .option('--prefer-region <name>', 'servers of this region lead while there are any; the same on all servers')
    .addOption(new Option('--strategy <name>', 'how nodes are chosen').choices(STRATEGIES).default('spread'))
    .addOption(
      new Option('--auth <kind>', 'none is possible on loopback only').choices(['token', 'none']).default('token'),
    )
    .option('--first <file>', 'apply this manifest if the cluster has none yet')
  for (const [flags, description] of STORE_FLAGS) command.option(flags, description)
  return command
    .addHelpText('after', `\nExamples:\n${EXAMPLES.map((words) => `  gantry up ${words}`).join('\n')}`)
    .action(async (flags: UpFlags) => {
      const { runUp } = await import('../../main/up.ts')
      const { inBackground } = await import('../../main/background.ts')
      const options = await upOptions(flags, context)
      const run = (): Promise<number> => runUp(options)
      context.exitCode = await (flags.daemon === true ? inBackground(options.dataDir, run, inputRead()) : run())
    })
}

async function upOptions(flags: UpFlags, context: Context): Promise<UpOptions> {
  const { globals, env } = context
  const file = await agentFile(flags, 'server', context)
  const dataDir = globals.dataOption === null && file.dataDir !== null ? resolve(file.dataDir) : globals.dataDir
  const warn = (line: string): void => context.say(`Warning: ${line}`)
  const clusterName = flags.clusterName ?? file.clusterName ?? 'default-cluster'
  const discovery = discoveryIn(file, clusterName, flags.discoverySecretFile)
  const named = storeOptions({ flags: settingsOfFlags({ ...flags }), file: file.store, dataDir }, warn)
  const isJoining = (flags.joinTokenFile ?? file.node.join_token_file) !== undefined
  const byNodes = named.kind === 'memory' && isJoining && Object.keys(discovery.nodes).length > 0
  const link = linkOptions(flags, file, discovery, byNodes ? linkOfFile(discovery) : undefined)
  const store = byNodes ? serversByNodes(discovery, link) : named
  // Servers that are installed at the same time have no token yet: they wait for the file.
  const keepsItself = store.kind === 'managed-etcd' || store.kind === 'shared-memory'
  const token = keepsItself ? null : joinToken(flags, file)
  // A file may come later; this may be handed on to a process in the background.
  if (flags.joinTokenFile === '-') readInput('-')
  if (store.kind === 'memory') warn('the state is kept in memory only: it is gone when this process ends')
  if (store.kind === 'shared-memory') requireNoTasks(flags, warn)
  if (token === null && !byNodes && Object.keys(discovery.nodes).length > 0)
    warn('nodes has no effect: only a machine that joins with a token searches for servers')
  if (token === null && !byNodes && flags.discovery !== true && discovery.bindAddress !== null)
    warn('cluster.bind_address has no effect without --discovery')
  const cube = cubeStart(env)
  const said = flags.listen ?? (cube === null ? file.listen : null) ?? null
  const listen =
    said === null && cube !== null
      ? cube.manager
      : address(said ?? variableOf(env, 'GANTRY_LISTEN') ?? '127.0.0.1:8080')
  const [own, ...further] = cube?.workers ?? []
  return {
    ...(await agentOptions(flags, file, dataDir, context)),
    clusterName,
    strategy: flags.strategy,
    store,
    vigilance: vigilanceOf(
      flags.failureDetection ?? file.failureDetection ?? 'normal',
      flags.heartbeat ?? file.heartbeatMs ?? null,
    ),
    preferRegion: flags.preferRegion ?? null,
    link,
    join: token === null ? null : { servers: flags.servers ?? file.node.servers ?? [], token, discovery },
    joinText: () => joinTokenThatIsThere(flags, file),
    listen,
    apiHost: [listen, ...(cube?.workers ?? [])].find(({ host }) => !isLoopback(host))?.host ?? null,
    ...(own === undefined ? {} : { name: own.name, placement: own.name, share: 1 + further.length }),
    furtherNodes: further.map(({ name }) => name),
    workers: cube?.workers ?? [],
    socketPath: socketPath({ ...globals, dataDir }),
    auth: flags.auth,
    leave: flags.leave === true,
    logLevel: flags.logLevel,
    first: flags.first === undefined ? null : { file: resolve(flags.first), text: readInput(flags.first) },
  }
}

/** What several servers with their state in memory cannot do is refused before they start. */
function requireNoTasks({ first, preferRegion }: UpFlags, warn: (line: string) => void): void {
  if (preferRegion !== undefined) warn('--prefer-region has no effect: the server with the lowest id leads')
  if (first === undefined) return
  throw new OperationalError(
    'PREREQUISITE',
    'cannot apply a first manifest: nothing runs where several servers keep the state in memory',
    {
      hint: 'leave --first out, or use --backend-type managed-etcd',
    },
  )
}

function linkOptions(
  flags: UpFlags,
  { node }: AgentFile,
  searching: DiscoveryOptions,
  otherwise: string | undefined,
): UpOptions['link'] {
  const { link = node.link ?? otherwise, advertise = node.advertise } = flags
  if (link === undefined) {
    if (flags.discovery !== true) return null
    throw new OperationalError('USAGE', '--discovery needs --link: there is nothing else to be found')
  }
  const { host, port } = /:\d{1,5}$/.test(link) ? address(link) : address(`${link}:7947`)
  const isWildcard = host === '0.0.0.0' || host === '::'
  if (advertise === undefined && isWildcard)
    throw new OperationalError('USAGE', `--link ${link} says on which address to listen, but not what others dial`, {
      hint: 'add --advertise HOST',
    })
  const discovery = flags.discovery === true ? searching : null
  return { host, port, advertise: advertise ?? host, discovery }
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
