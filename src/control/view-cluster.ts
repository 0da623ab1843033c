import type { Node } from '../core/model/node.ts'
import { CLUSTER_KEY, keyOf, LEADERSHIP_KEY } from '../core/model/objects.ts'
import type { ClusterView, NodeRole, NodeView, StoreCondition } from '../core/model/view.ts'
import { clockConditions } from '../core/node/clock-conditions.ts'
import { leaderConditions } from '../core/node/leader-condition.ts'
import { presenceConditions } from '../core/node/presence-conditions.ts'
import { troubleConditions } from '../core/node/trouble-conditions.ts'
import { invariant } from '../lib/assert.ts'
import type { ServerApiDeps } from './server-api.ts'

/** What a cluster is, who leads it, where its state is, and what people should know of all that. */
export function viewCluster(deps: ServerApiDeps, nodes: readonly NodeView[]): ClusterView {
  const { world, term, storeKind, storeMembers, version } = deps
  const cluster = world.mirror.get(CLUSTER_KEY)?.value
  const leadership = world.mirror.get(LEADERSHIP_KEY)?.value
  invariant(cluster !== undefined && leadership !== undefined, 'a server that answers has a cluster')
  const kept = storeMembers?.conditions() ?? []
  const { proof: _, movedTo: __, attemptFloor: ___, ...shown } = cluster
  return {
    cluster: shown,
    leadership,
    store: storeKind,
    servers: storeMembers?.servers() ?? [],
    conditions: [
      ...leaderConditions(leadership, isLedNow(deps)),
      ...kept,
      ...presenceConditions(world.nodes()),
      ...clockConditions(world.nodes(), (node) => term()?.sessions.aheadOf(node) ?? null),
      ...troubleConditions(world.nodes(), (node) => term()?.sessions.troubleOf(node) ?? null),
      ...(term()?.sessions.refusals.conditions(world.nodes()) ?? []),
      ...(term()?.sessions.pace.conditions(world.nodes()) ?? []),
    ],
    storeRevision: world.mirror.revision,
    version,
    desiredRevision: world.desired,
    nodes,
  }
}

/** Name of the server that leads, as far as this one knows; null: nobody does. */
export function leaderName(deps: ServerApiDeps): string | null {
  return isLedNow(deps) ? (deps.world.mirror.get(LEADERSHIP_KEY)?.value.holder ?? null) : null
}

function isLedNow({ isLed, storeMembers }: ServerApiDeps): boolean {
  return isLed() && !(storeMembers?.conditions() ?? []).some(isWithoutQuorum)
}

function isWithoutQuorum({ kind }: StoreCondition): boolean {
  return kind === 'quorum lost'
}

/** What a node is while the server of that name leads. */
export function roleOf({ name }: Node, leader: string | null, { world }: ServerApiDeps): NodeRole {
  if (name === leader) return 'leader'
  return world.mirror.get(keyOf('server', name)) === null ? 'agent' : 'server'
}
