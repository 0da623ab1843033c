import { CLUSTER_KEY, LEADERSHIP_KEY } from '../core/model/objects.ts'
import type { ClusterView, NodeView } from '../core/model/view.ts'
import { clockConditions } from '../core/node/clock-conditions.ts'
import { leaderConditions } from '../core/node/leader-condition.ts'
import { presenceConditions } from '../core/node/presence-conditions.ts'
import { invariant } from '../lib/assert.ts'
import type { ServerApiDeps } from './server-api.ts'

/** What a cluster is, who leads it, where its state is, and what people should know of all that. */
export function viewCluster(
  { world, term, isLed, storeKind, storeMembers, version }: ServerApiDeps,
  nodes: readonly NodeView[],
): ClusterView {
  const cluster = world.mirror.get(CLUSTER_KEY)?.value
  const leadership = world.mirror.get(LEADERSHIP_KEY)?.value
  invariant(cluster !== undefined && leadership !== undefined, 'a server that answers has a cluster')
  const kept = storeMembers?.conditions() ?? []
  const hasQuorum = !kept.some(({ kind }) => kind === 'quorum lost')
  const { proof: _, movedTo: __, attemptFloor: ___, ...shown } = cluster
  return {
    cluster: shown,
    leadership,
    store: storeKind,
    servers: storeMembers?.servers() ?? [],
    conditions: [
      ...leaderConditions(leadership, hasQuorum && isLed()),
      ...kept,
      ...presenceConditions(world.nodes()),
      ...clockConditions(world.nodes(), (node) => term()?.sessions.aheadOf(node) ?? null),
      ...(term()?.sessions.pace.conditions(world.nodes()) ?? []),
    ],
    storeRevision: world.mirror.revision,
    version,
    desiredRevision: world.desired,
    nodes,
  }
}
