import type { Leadership } from '../model/cluster.ts'
import type { ClusterView, StoreCondition } from '../model/view.ts'

const KIND = 'no leader'

/** What people should know while no server leads. `isLed`: whether one does, as far as the server that answers knows. */
export function leaderConditions({ holder, epoch }: Leadership, isLed: boolean): readonly StoreCondition[] {
  if (isLed) return []
  const message = `no server leads: ${holder} was the last to, epoch ${epoch}`
  const hint = 'what is shown was known then, and nothing can be changed; the logs of the servers say what is missing'
  return [{ kind: KIND, severity: 'failure', message, hint }]
}

/** Who leads; null: nobody. */
export function leaderOf({
  leadership,
  conditions,
}: Pick<ClusterView, 'leadership' | 'conditions'>): Leadership | null {
  return conditions.some(({ kind }) => kind === KIND) ? null : leadership
}
