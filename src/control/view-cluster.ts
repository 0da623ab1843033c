import { CLUSTER_KEY, LEADERSHIP_KEY } from '../core/model/objects.ts'
import type { ClusterView, NodeView } from '../core/model/view.ts'
import { clusterConditions } from '../core/node/conditions.ts'
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
      ...kept,
      ...clusterConditions(leadership, hasQuorum && isLed(), world.nodes(), term()?.sessions ?? null),
      ...(term()?.sessions.pace.conditions(world.nodes()) ?? []),
    ],
    storeRevision: world.mirror.revision,
    version,
    desiredRevision: world.desired,
    nodes,
  }
}
