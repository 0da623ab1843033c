import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readState } from '../agent/cache.ts'
import { OperationalError } from '../core/errors.ts'
import type { Cluster } from '../core/model/cluster.ts'
import { durableText } from '../drivers/durable-text.ts'
import type { Identity } from './identity.ts'
import type { NodeOptions } from './node-process.ts'

/** The cluster that a machine is of already, as its data directory says. */
export interface KnownCluster {
  readonly id: string
  /** The highest that its agent has acted on; 0: none yet. */
  readonly incarnation: number
  /** Whether it has a certificate, whose authority is in the state. */
  readonly isCertified: boolean
}

/** What this data directory says of the cluster that it is of; null: it is of none yet. Throws STORE_CORRUPT. */
export async function knownCluster(dataDir: string, identity: Identity | null): Promise<KnownCluster | null> {
  const acted = (await readState(durableText(join(dataDir, 'agent.json'))))?.authority ?? null
  const id = identity?.clusterId ?? acted?.clusterId ?? null
  if (id === null) return null
  const incarnation = acted?.clusterId === id ? acted.incarnation : 0
  return { id, incarnation, isCertified: identity !== null }
}

/** More attempts than any slot makes in one life of a state in memory. */
const ATTEMPTS_APART = 1_000

/**
 * The cluster that an empty store begins with. A machine that is of one already begins no other: its agent would obey
 * nobody. Where the state is gone with every process, the same cluster begins its next life. Throws STORE_CORRUPT.
 */
export function beginCluster(
  known: KnownCluster | null,
  fresh: Omit<Cluster, 'incarnation'>,
  store: NodeOptions['store']['kind'],
): Cluster {
  if (known === null) return { ...fresh, incarnation: 1 }
  if (store !== 'memory' || known.isCertified) throw lost(known, store)
  const { id, incarnation } = known
  return {
    ...fresh,
    id,
    incarnation: incarnation + 1,
    keepsUnknown: true,
    attemptFloor: incarnation * ATTEMPTS_APART,
  }
}

/** Refuses a state file that is not there, before one is made. Throws STORE_CORRUPT. */
export function requireStateFile(known: KnownCluster | null, store: NodeOptions['store']): void {
  if (known !== null && store.kind === 'sqlite' && !existsSync(store.path)) throw lost(known, store.kind)
}

function lost({ id }: KnownCluster, store: string): OperationalError {
  if (store === 'memory')
    return new OperationalError(
      'STORE_CORRUPT',
      `the state of cluster ${id} is gone, and its certificate authority with it: it is not in memory any more`,
      { hint: 'begin another cluster in an empty data directory, and let its machines join anew' },
    )
  return new OperationalError(
    'STORE_CORRUPT',
    `this machine is of cluster ${id}, and the store (${store}) is empty: no other cluster is begun here`,
    {
      hint: 'name the store that the cluster has, as before; `gantry recover` puts back a state file that was lost; to begin anew take an empty data directory',
    },
  )
}
