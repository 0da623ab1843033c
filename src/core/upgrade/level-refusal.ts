import { OperationalError } from '../errors.ts'
import { type Cluster, levelOf } from '../model/cluster.ts'

/** Why a program that knows this level must not serve this cluster; null: it may. It reads its own level and the one before. */
export function levelRefusal(level: number, cluster: Cluster | null): OperationalError | null {
  if (cluster === null) return null
  const its = levelOf(cluster)
  if (its > level) {
    return new OperationalError('STORE_CORRUPT', `the cluster is at level ${its}, this version knows ${level}`, {
      hint: 'start the version that the other servers run; `gantry upgrade` has raised the level',
    })
  }
  if (its < level - 1) {
    return new OperationalError(
      'STORE_CORRUPT',
      `the cluster is at level ${its}, this version reads from ${level - 1} on`,
      {
        hint: `upgrade to a version of level ${its + 1} first, and finish that with \`gantry upgrade\``,
      },
    )
  }
  return null
}
