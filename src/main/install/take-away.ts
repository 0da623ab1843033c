import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type AgentState, readState } from '../../agent/cache.ts'
import { OperationalError } from '../../core/errors.ts'
import { nodeThatStays } from '../../core/install/node-that-stays.ts'
import type { InstallRecord } from '../../core/install/record.ts'
import { LINK_PORT } from '../../core/install/seeds.ts'
import type { NodeSection } from '../../core/manifest/agent-sections.ts'
import { RUNTIME_KINDS, type RuntimeKind } from '../../core/model/service.ts'
import { durableText } from '../../drivers/durable-text.ts'
import { leaveCluster } from '../../drivers/link/join.ts'
import { createLog } from '../../drivers/log.ts'
import { endProcesses, processesOf } from '../../drivers/service/detached.ts'
import { removeUnit } from '../../drivers/service/systemd.ts'
import type { Runtime } from '../../ports/runtime.ts'
import { type Identity, keptServers, readIdentity } from '../identity.ts'
import { openRuntime } from '../node-process.ts'
import { endStore, leaveStore } from './leave-store.ts'
import type { InstallPaths } from './paths.ts'
import { removeVolume, thisWorker, writeRecord } from './record-file.ts'

const GRACE_MS = 30_000

export interface TakeAwayOptions {
  readonly keepData: boolean
  /** The cluster ends with it: there is nobody to tell. Left out: there may be. */
  readonly isLast?: boolean
  /** What could not be taken away, one sentence each. */
  readonly left: (what: string) => void
}

/**
 * Takes a node away, from whatever state: its process, its tasks, its membership, its files, the journal last, so that one
 * that is interrupted is gone on with. What cannot be done is told, and the rest is done.
 */
export async function takeAway(paths: InstallPaths, record: InstallRecord, options: TakeAwayOptions): Promise<void> {
  const removing = { ...record, state: 'removing', worker: thisWorker() } as const
  if (record.step !== 'directory') await writeRecord(paths, removing)
  const node = nodeOf(record)
  await leaveStore(paths, record, options.left)
  if (record.unit !== null) await endService(record.unit, options)
  await endProcesses(processesOf(serviceWords(paths, node)), GRACE_MS)
  await endStore(paths, record)
  const identity = await identityOf(paths, options)
  if (identity !== null) {
    const state = await stateOf(paths, options)
    const gone = await removeTasks(identity, paths, node, state, options)
    const servers = options.isLast === true ? [] : await serversOf(paths, node)
    if (gone) await leaveAll(identity, state?.machineId ?? null, servers, options)
    else options.left(`node ${identity.nodeId} in the cluster, because something of it may still run`)
  }
  if (record.unit !== null) await rm(record.unit, { force: true })
  await removeVolume(paths, record, options.keepData)
}

/** What a node was told; empty: it was interrupted before. */
export function nodeOf({ settings }: Pick<InstallRecord, 'settings'>): NodeSection {
  return settings?.node ?? {}
}

/** The end of the command line of a node's process, by which it is found. */
export function serviceWords(paths: InstallPaths, { role }: NodeSection): readonly string[] {
  return [role === 'server' ? 'up' : 'agent', '--config', paths.settings]
}

async function endService(unit: string, { left }: TakeAwayOptions): Promise<void> {
  try {
    await removeUnit(unit)
  } catch (error) {
    left(`${unit}: ${reasonOf(error)}`)
  }
}

async function identityOf({ volume }: InstallPaths, { left }: TakeAwayOptions): Promise<Identity | null> {
  try {
    return await readIdentity(volume)
  } catch (error) {
    left(`the node in the cluster, whose identity cannot be read: ${reasonOf(error)}`)
    return null
  }
}

async function stateOf({ volume }: InstallPaths, { left }: TakeAwayOptions): Promise<AgentState | null> {
  try {
    return await readState(durableText(join(volume, 'agent.json')))
  } catch (error) {
    left(`what its agent kept: ${reasonOf(error)}`)
    return null
  }
}

/** Stops and removes everything that this node ran. False: something may still run, so nobody may be told otherwise. */
async function removeTasks(
  { clusterId }: Identity,
  { volume }: InstallPaths,
  node: NodeSection,
  state: AgentState | null,
  { left }: TakeAwayOptions,
): Promise<boolean> {
  const log = createLog({ level: 'error', destination: process.stderr, pretty: false })
  const dockerHost = node.docker_host ?? 'unix:///var/run/docker.sock'
  const hadContainers = state?.tasks.some(({ spec }) => spec.container.image !== null) === true
  let gone = true
  for (const kind of node.runtimes ?? RUNTIME_KINDS) {
    const runtime = openRuntime(kind, clusterId, { dataDir: volume, dockerHost }, log)
    try {
      await removeContainers(runtime)
    } catch (error) {
      // An engine that is not there, and never was asked for anything, keeps nothing of ours.
      if (kind === 'docker' && !hadContainers && isAway(error)) continue
      gone = false
      left(whatMayRun(kind, clusterId, reasonOf(error)))
    } finally {
      await runtime.close()
    }
  }
  return gone
}

/** All at once: each may take as long as its grace. Throws what went wrong first, when nothing is under way any more. */
export async function removeContainers(runtime: Pick<Runtime, 'list' | 'stop' | 'remove'>): Promise<void> {
  const removals = (await runtime.list()).map(async ({ id, state }) => {
    if (state === 'running') await runtime.stop(id, { signal: null, graceMs: GRACE_MS })
    await runtime.remove(id)
  })
  const failed = (await Promise.allSettled(removals)).find((outcome) => outcome.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

function isAway(error: unknown): boolean {
  return error instanceof OperationalError && error.code === 'UNAVAILABLE'
}

function whatMayRun(kind: RuntimeKind, clusterId: string, reason: string): string {
  return kind === 'docker'
    ? `containers with the label gantry.cluster=${clusterId}: ${reason}`
    : `processes of tasks: ${reason}`
}

async function leaveAll(
  { files, nodeId }: Identity,
  machineId: string | null,
  servers: readonly string[],
  { left }: TakeAwayOptions,
): Promise<void> {
  if (servers.length === 0) return
  try {
    await leaveCluster(servers, files, machineId)
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error
    left(nodeThatStays(nodeId, error))
  }
}

/** Other servers of the cluster; none: this is the only one. */
export async function serversOf({ volume }: InstallPaths, node: NodeSection): Promise<readonly string[]> {
  const own = node.advertise ?? null
  const port = /:(\d+)$/.exec(node.link ?? '')?.[1] ?? String(LINK_PORT)
  const known = [...(node.servers ?? []), ...(node.seeds ?? []), ...(await keptServers(volume))]
  return [...new Set(known)].filter((server) => server !== own && server !== `${own}:${port}`)
}

function reasonOf(error: unknown): string {
  if (error instanceof OperationalError) return error.message
  throw error
}
