import type { Leadership } from '../model/cluster.ts'
import type { ClusterView, StoreCondition } from '../model/view.ts'

const KIND = 'no leader'

/** What people should know while no server leads. `leads`: whether the server that answers does; it asks a leader that it reaches. */
export function leaderConditions({ holder, epoch }: Leadership, leads: boolean): readonly StoreCondition[] {
  if (leads) return []
  const message = `no server that can be reached leads: ${holder} was the last to, epoch ${epoch}`
  const hint = 'what is shown was known then, and nothing can be changed; the logs of the servers say what is missing'
  return [{ kind: KIND, severity: 'failure', message, hint }]
}

/** Who leads; null: nobody who can be reached. */
export function leaderOf({
  leadership,
  conditions,
}: Pick<ClusterView, 'leadership' | 'conditions'>): Leadership | null {
  return conditions.some(({ kind }) => kind === KIND) ? null : leadership
}
