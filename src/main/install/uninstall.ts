import { join } from 'node:path'
import { readState } from '../../agent/cache.ts'
import { OperationalError } from '../../core/errors.ts'
import type { InstallRecord } from '../../core/install/record.ts'
import { isAlive } from '../../core/model/task.ts'
import { durableText } from '../../drivers/durable-text.ts'
import { timeAt } from '../../drivers/link/join.ts'
import { processesOf } from '../../drivers/service/detached.ts'
import { readIdentity } from '../identity.ts'
import { answers, runsHere } from '../running-here.ts'
import { standingInStore } from './leave-store.ts'
import { type InstallPaths, installPaths } from './paths.ts'
import { readRecord } from './record-file.ts'
import { nodeOf, serversOf, serviceWords, takeAway } from './take-away.ts'

/** What an uninstall would do, for its user to see before. */
export interface RemovalPlan {
  readonly volume: string
  readonly role: 'server' | 'agent'
  /** null: it never joined. */
  readonly nodeId: number | null
  readonly state: InstallRecord['state']
  readonly tasks: readonly string[]
  readonly unit: string | null
  /** Servers that it would tell that it leaves; none: there is nobody to tell. */
  readonly servers: readonly string[]
  /** Whether one of them answers. */
  readonly reached: boolean
  /** Why the servers that keep the store stand still without this one; null: they go on, or nothing is known of it. */
  readonly othersStop: string | null
  /** Whether the cluster ends with this node. */
  readonly endsCluster: boolean
  /** Where servers keep the state: `sqlite`. */
  readonly backend: string
}

/** Works out what an uninstall would do; changes nothing. Throws PREREQUISITE where nothing is installed. */
export async function planRemoval(volume: string): Promise<RemovalPlan> {
  const { paths, record } = recordOf(volume)
  const node = nodeOf(record)
  const role = node.role ?? 'agent'
  const identity = await readIdentity(volume)
  const { isLast, othersStop } = await standingInStore(paths, record)
  const servers = isLast ? [] : await serversOf(paths, node)
  const backend = String(record.settings?.backend?.['type'] ?? 'sqlite')
  const state = await readState(durableText(join(volume, 'agent.json')))
  return {
    ...{ volume, role, nodeId: identity?.nodeId ?? null, state: record.state, unit: record.unit },
    tasks: (state?.tasks ?? []).filter(isAlive).map(({ id }) => id),
    servers,
    reached: await someAnswers(servers),
    othersStop,
    endsCluster: role === 'server' && identity !== null && (isLast || backend === 'sqlite' || backend === 'memory'),
    backend,
  }
}

/** Takes a node away. What could not be is told to `left`. Throws, before anything is done, UNAVAILABLE where nobody can be told and GUARD_BLOCKED where the other servers would stand still, both not with `force`, and CONFLICT while somebody else runs Gantry there. */
export async function uninstall(
  plan: RemovalPlan,
  options: { readonly keepData: boolean; readonly force: boolean; readonly left: (what: string) => void },
): Promise<void> {
  if (plan.nodeId !== null && plan.servers.length > 0 && !plan.reached && !options.force) {
    throw new OperationalError('UNAVAILABLE', `no server answers, so node ${plan.nodeId} would stay in the cluster`, {
      hint: 'add --force to go ahead; `gantry node rm` on a server removes the node later',
    })
  }
  if (plan.othersStop !== null && !options.force) {
    throw new OperationalError(
      'GUARD_BLOCKED',
      `the cluster would stand still without this server: ${plan.othersStop}`,
      {
        hint: 'start a server that is down again, or `gantry servers rm` it, or let another one join first; --force goes ahead',
      },
    )
  }
  const { paths, record } = recordOf(plan.volume)
  await refuseOthersProcess(paths, record)
  await takeAway(paths, record, { ...options, isLast: plan.endsCluster })
}

/** One that a user started by hand would go on in a directory that is gone. */
async function refuseOthersProcess(paths: InstallPaths, record: InstallRecord): Promise<void> {
  const isOurs = processesOf(serviceWords(paths, nodeOf(record))).length > 0
  if (!isOurs && (await answers(paths.socket))) throw runsHere()
}

function recordOf(volume: string): { readonly paths: InstallPaths; readonly record: InstallRecord } {
  const paths = installPaths(volume)
  const record = readRecord(paths)
  if (record !== null) return { paths, record }
  throw new OperationalError('PREREQUISITE', `nothing is installed in ${volume}`, {
    hint: 'name the volume that was given to `gantry install` with --volume',
  })
}

async function someAnswers(servers: readonly string[]): Promise<boolean> {
  for (const server of servers) {
    try {
      await timeAt(server)
      return true
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error
    }
  }
  return false
}
