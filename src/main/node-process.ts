import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { Agent, type AgentDeps } from '../agent/agent.ts'
import { Server } from '../control/server.ts'
import { OperationalError } from '../core/errors.ts'
import type { NodeId, TaskId } from '../core/model/ids.ts'
import { LEVEL } from '../core/model/level.ts'
import type { RuntimeDescription } from '../core/model/node.ts'
import { RUNTIME_KINDS, type RuntimeKind } from '../core/model/service.ts'
import type { Vigilance } from '../core/node/vigilance.ts'
import type { Strategy } from '../core/schedule/strategy.ts'
import { sha256 } from '../drivers/backup-digest.ts'
import { backupFiles } from '../drivers/backup-files.ts'
import { systemClock } from '../drivers/clock.ts'
import { DockerRuntime } from '../drivers/docker/runtime.ts'
import { durableText } from '../drivers/durable-text.ts'
import { systemHost } from '../drivers/host.ts'
import { ProcessRuntime } from '../drivers/process/runtime.ts'
import { tcpReach } from '../drivers/reach.ts'
import { systemRng } from '../drivers/rng.ts'
import { systemWatchdog } from '../drivers/watchdog/watchdog.ts'
import { invariant } from '../lib/assert.ts'
import type { IncarnationTrust } from '../ports/incarnation-trust.ts'
import type { Link } from '../ports/link.ts'
import type { Log } from '../ports/log.ts'
import type { Runtime } from '../ports/runtime.ts'
import type { Store } from '../ports/store.ts'
import type { StoreMembers } from '../ports/store-members.ts'
import type { MoreMetrics } from '../transport/http/metrics.ts'
import type { HttpServer } from '../transport/http/server.ts'
import { beginCluster, type KnownCluster, knownCluster, requireStateFile } from './begin-cluster.ts'
import { makeDataDir } from './data-dir.ts'
import type { DiscoveryOptions } from './discovery.ts'
import type { ManagedEtcd } from './managed-etcd/managed-etcd.ts'
import { measuredStore } from './measured-store.ts'
import type { Membership } from './membership.ts'
import { type ManagedEtcdOptions, openStore, type SharedMemoryOptions, type StoreOptions } from './open-store.ts'
import type { SharedMemory } from './shared-memory.ts'

/** What an agent is told of its machine. */
export interface AgentOptions {
  readonly dataDir: string
  /** Name of the node, `<hostname>:<port>` by default. */
  readonly name: string | null
  readonly placement: string
  readonly publicAddress: string | null
  readonly region: string | null
  readonly zone: string | null
  readonly labels: Readonly<Record<string, string>>
  /** Kinds of tasks that this node may run. */
  readonly runtimes: readonly RuntimeKind[]
  readonly dockerHost: string
  readonly version: string
  /** As many agents share this machine; left out: it is alone. */
  readonly share?: number
}

export interface NodeOptions extends AgentOptions {
  readonly clusterName: string
  readonly strategy: Strategy
  readonly store: StoreOptions | ManagedEtcdOptions | SharedMemoryOptions
  /** How this server watches over agents while it leads. */
  readonly vigilance: Vigilance
  /** Where servers should lead from; null: anywhere. */
  readonly preferRegion: string | null
  /** Where other machines of the cluster find this one; null: it is alone. */
  readonly link: LinkOptions | null
  /** How it becomes a server of a cluster that is there already; null: it is one, or makes one. */
  readonly join: JoinOptions | null
  /** Where the API is served to other machines, which takes a certificate; null: to this one only. */
  readonly apiHost: string | null
  /** Names of further nodes that this machine stands for, each with an agent of its own. */
  readonly furtherNodes: readonly string[]
  /** What a server that keeps the store itself joins with; null: there is nothing yet. */
  readonly joinText?: () => string | null
}

export interface LinkOptions {
  /** Where it listens. */
  readonly host: string
  readonly port: number
  /** What the others dial: an address or a name of this machine. */
  readonly advertise: string
  /** How machines that search for servers find this one; null: they do not. */
  readonly discovery: Omit<DiscoveryOptions, 'clusterName' | 'nodes'> | null
}

export interface JoinOptions {
  /** Empty: they are searched for; or, with a cluster secret, it makes a cluster that others join with it. */
  readonly servers: readonly string[]
  /** Text of a join token, or the cluster secret. */
  readonly token: string
  readonly discovery: DiscoveryOptions
}

/** A server and an agent in one process. */
export interface NodeProcess {
  readonly server: Server
  /** What runs tasks here, as it answered last. */
  runtimes(): readonly RuntimeDescription[]
  /** Resolves with the reason when a user has sent this machine away and nothing of the cluster runs here any more. */
  readonly dismissed: Promise<string>
  /** The server that answers instead of this one while another leads; null: this one does. */
  readonly elsewhere: Membership['elsewhere']
  /** What the store and the link measure. */
  readonly metrics: MoreMetrics
  /** What the API shows to other machines; null: there is no certificate. */
  readonly apiTls: Membership['apiTls']
  /** Requests of other machines go to this API from now on. */
  serveApi(http: HttpServer): void
  /** With `park` its tasks are stopped first; resolves with those that could not be. */
  stop(options: { readonly park: boolean }): Promise<readonly TaskId[]>
}

/** What has to be closed again, the last that was opened first. */
class Opened {
  readonly #closers: (() => Promise<unknown>)[] = []

  add(close: () => Promise<unknown>): void {
    this.#closers.unshift(close)
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0)) await close()
  }
}

/** Starts the control plane and the agent of a machine. On failure nothing is left running. */
export async function startNode(
  options: NodeOptions,
  log: Log,
  say: (line: string) => void = () => undefined,
): Promise<NodeProcess> {
  makeDataDir(options.dataDir)
  const opened = new Opened()
  try {
    return await openNode(options, opened, log, say)
  } catch (error) {
    await opened.close()
    throw error
  }
}

async function openNode(
  options: NodeOptions,
  opened: Opened,
  log: Log,
  say: (line: string) => void,
): Promise<NodeProcess> {
  const { Membership } = await import('./membership.ts')
  const managed = await openManaged(options, log, say)
  opened.add(async () => {
    await managed?.store.close()
    await managed?.close()
  })
  const shared = await openShared(options, log, say)
  opened.add(async () => shared?.close())
  const isCutOff = (): boolean => managed?.isCutOff() ?? false
  const sharesStore = options.store.kind !== 'memory' && options.store.kind !== 'sqlite'
  const protocols = shared?.protocols ?? {}
  const membership = await Membership.open(
    {
      ...{ ...options, name: nodeName(options), isCutOff, sharesStore, protocols },
      ...(managed !== null && { takeKeys: (keys: readonly Buffer[]) => managed.takeKeys(keys) }),
    },
    log,
  )
  const known = await knownCluster(options.dataDir, membership.identity)
  requireStateFile(known, options.store)
  const { store, metrics } = measuredStore(await theStore(options.store, managed, shared))
  opened.add(() => store.close())
  const server = newServer(store, membership, managed, { ...options, known }, log)
  opened.add(() => server.stop())
  opened.add(() => membership.close())
  await server.start()
  await membership.takeServer(server)
  const dismissed = Promise.withResolvers<string>()
  const { id } = server.api.cluster().cluster
  const agents = await startAgents(options, id, membership, dismissed.resolve, { opened, log })
  const [agent] = agents
  await membership.listen(agent)
  shared?.meet({ identity: () => membership.identity, revoked: () => server.revoked })
  return {
    server,
    runtimes: () => agent.runtimes,
    dismissed: dismissed.promise,
    elsewhere: membership.elsewhere,
    apiTls: membership.apiTls,
    metrics: () => [...metrics(), ...membership.metrics()],
    serveApi: (http) => membership.serveApi(http),
    stop: async ({ park }) => {
      const left = await Promise.all(agents.map((one) => one.stop({ park })))
      await opened.close()
      return left.flat()
    },
  }
}

async function openManaged(options: NodeOptions, log: Log, say: (line: string) => void): Promise<ManagedEtcd | null> {
  const { store, link, dataDir, joinText = () => null } = options
  if (store.kind !== 'managed-etcd') return null
  const { ManagedEtcd } = await import('./managed-etcd/managed-etcd.ts')
  return ManagedEtcd.open({ store, link, dataDir, name: nodeName(options), joinText }, log, say)
}

async function openShared(options: NodeOptions, log: Log, say: (line: string) => void): Promise<SharedMemory | null> {
  const { store, link, dataDir, vigilance, joinText = () => null } = options
  if (store.kind !== 'shared-memory') return null
  const { SharedMemory } = await import('./shared-memory.ts')
  return SharedMemory.open({ store, link, dataDir, vigilance, name: nodeName(options), joinText }, log, say)
}

async function theStore(
  options: NodeOptions['store'],
  managed: ManagedEtcd | null,
  shared: SharedMemory | null,
): Promise<Store> {
  const kept = managed ?? shared
  if (kept !== null) return kept.store
  invariant(options.kind !== 'managed-etcd' && options.kind !== 'shared-memory', 'what keeps the store has it')
  return openStore(options, { clock: systemClock(), rng: systemRng() })
}

function newServer(
  store: Store,
  membership: Membership,
  storeMembers: StoreMembers | null,
  options: NodeOptions & { readonly known: KnownCluster | null },
  log: Log,
): Server {
  const clock = systemClock()
  const config = {
    name: nodeName(options),
    address: membership.address,
    newCluster: () => {
      const fresh = { id: randomBytes(8).toString('hex'), name: options.clusterName, createdAt: clock.now() }
      return beginCluster(options.known, fresh, options.store.kind)
    },
    strategy: options.strategy,
    vigilance: options.vigilance,
    preferRegion: options.store.kind === 'shared-memory' ? null : options.preferRegion,
    version: options.version,
    level: LEVEL,
    ...(options.store.kind === 'shared-memory' && ({ isVolatile: true } as const)),
  }
  const certifier = (): ReturnType<Membership['certifier']> => membership.certifier()
  const backups = { digest: sha256, shelf: backupFiles(join(options.dataDir, 'backups')) }
  const ports = { clock, rng: systemRng(), log, reach: tcpReach() }
  const serial = (): string | null => membership.serial
  return new Server({ store, ...ports, certifier, serial, backups, storeMembers, config })
}

/** The agent of this machine, and those of further nodes that it stands for. */
async function startAgents(
  options: NodeOptions,
  clusterId: string,
  membership: Membership,
  onDismissed: (reason: string) => void,
  { opened, log }: { readonly opened: Opened; readonly log: Log },
): Promise<readonly [Agent, ...Agent[]]> {
  const { nodeId, ownIdentity, trusts } = membership
  const link = membership.ownLink()
  const address = options.link?.advertise ?? null
  const itself = { clusterId, nodeId, address, identity: ownIdentity, trusts, onDismissed }
  const own = await startAgent(options, itself, link, log)
  opened.add(() => closeAgent(own))
  const further: Agent[] = []
  for (const name of options.furtherNodes) {
    // Each has its own directory, and is the only node of a placement that is called like it.
    const dataDir = join(options.dataDir, 'nodes', name)
    makeDataDir(dataDir)
    const who = { clusterId, nodeId: null, address: null, trusts }
    const started = await startAgent({ ...options, name, placement: name, dataDir }, who, link, log)
    opened.add(() => closeAgent(started))
    further.push(started.agent)
  }
  return [own.agent, ...further]
}

interface StartedAgent {
  readonly agent: Agent
  readonly runtimes: readonly Runtime[]
}

/** Its tasks go on, unless they were stopped before. */
async function closeAgent({ agent, runtimes }: StartedAgent): Promise<void> {
  await agent.stop({ park: false })
  await Promise.all(runtimes.map((runtime) => runtime.close()))
}

/** Who an agent is, and whom it believes. */
export interface AgentIdentity extends Pick<AgentDeps, 'identity' | 'onDismissed'> {
  readonly clusterId: string
  readonly nodeId: NodeId | null
  readonly address: string | null
  readonly trusts: IncarnationTrust
}

/** Starts the agent of this machine. */
export async function startAgent(
  options: AgentOptions,
  who: AgentIdentity,
  link: Link,
  log: Log,
): Promise<StartedAgent> {
  const { dataDir, placement, publicAddress, region, zone, labels, version } = options
  const runtimes = options.runtimes.map((kind) => openRuntime(kind, who.clusterId, options, log))
  const { nodeId, address, identity, onDismissed, trusts } = who
  const host = systemHost({
    dataDir,
    dockerHost: options.runtimes.includes('docker') ? options.dockerHost : null,
    share: options.share ?? 1,
  })
  const agent = new Agent({
    clock: systemClock(),
    rng: systemRng(),
    log,
    host,
    link,
    reach: tcpReach(),
    watchdog: systemWatchdog({ dataDir, clock: systemClock() }),
    runtimes,
    cache: durableText(join(dataDir, 'agent.json')),
    trusts,
    ...(identity !== undefined && { identity }),
    ...(onDismissed !== undefined && { onDismissed }),
    config: {
      ...{ name: nodeName(options), nodeId, placement, address, publicAddress, region, zone, labels, version },
      level: LEVEL,
    },
  })
  await agent.start()
  return { agent, runtimes }
}

/** Name of a node: the one that it was given, or its host's with the port of discovery. */
export function nodeName({ name }: Pick<AgentOptions, 'name'>): string {
  return name ?? `${hostname()}:7946`
}

/** What runs tasks of one kind on this machine. */
export function openRuntime(
  kind: RuntimeKind,
  clusterId: string,
  options: Pick<AgentOptions, 'dataDir' | 'dockerHost'>,
  log: Log,
): Runtime {
  const { dataDir } = options
  if (kind === 'docker') return new DockerRuntime({ clusterId, dataDir, host: options.dockerHost, log })
  return new ProcessRuntime({ clusterId, dataDir, clock: systemClock(), log })
}

/** Reads `--runtime` or GANTRY_RUNTIME: a comma list of runtimes. Empty: all. */
export function parseRuntimes(text: string | undefined): readonly RuntimeKind[] {
  if (text === undefined || text.trim() === '') return RUNTIME_KINDS
  return text.split(',').map((part) => {
    const kind = RUNTIME_KINDS.find((known) => known === part.trim())
    if (kind !== undefined) return kind
    throw new OperationalError('USAGE', `${part.trim()} is no runtime`, {
      hint: `use a comma list of ${RUNTIME_KINDS.join(', ')}`,
    })
  })
}
