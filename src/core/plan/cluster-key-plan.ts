import { contentHash } from '../../lib/canonical-json.ts'
import { type KeyHolder, keyChangeWords, presentKey } from '../identity/key-change.ts'
import type { CertificateAuthority } from '../model/identity.ts'
import type { NodeId } from '../model/ids.ts'
import type { Node } from '../model/node.ts'
import type { AuthorityChange, NodeAction, Plan, PlanNote } from '../model/plan.ts'
import { countActions } from './plan.ts'

export interface ClusterKeyPlanInput {
  readonly clusterId: string
  readonly desiredRevision: number
  readonly change: AuthorityChange
  readonly authority: CertificateAuthority
  readonly servers: readonly KeyHolder[]
  /** Join tokens that would let somebody in. */
  readonly tokens: number
  readonly nodes: readonly Node[]
  /** Nodes whose agent is connected. */
  readonly connected: ReadonlySet<NodeId>
}

/** Computes what a change of the cluster key would do: which servers get it, and which it would wait for. */
export function computeClusterKeyPlan(input: ClusterKeyPlanInput): Plan {
  const { clusterId, desiredRevision: baseRevision, change, authority, servers, tokens, nodes, connected } = input
  const actions = servers.map(({ nodeId, holds }): NodeAction => {
    const name = nodes.find(({ id }) => id === nodeId)?.name ?? ''
    return { node: nodeId, name, kind: 'change', fields: [], consequence: consequenceFor(connected.has(nodeId), holds) }
  })
  const facts: Record<string, string> = { 'cluster key': `${presentKey(authority)}, ${keyChangeWords(authority)}` }
  for (const { nodeId } of servers) facts[`node/${nodeId}`] = connected.has(nodeId) ? 'connected' : 'away'
  const blockers =
    authority.keyChange === undefined
      ? []
      : [note(`a change of the cluster key is on the way already: ${keyChangeWords(authority)}`)]
  const lost = tokens === 1 ? '1 join token is' : `${tokens} join tokens are`
  return {
    level: null,
    id: contentHash({ clusterId, change, facts }),
    clusterId,
    baseRevision,
    change,
    actions: [],
    nodes: actions,
    summary: countActions([]),
    pulls: [],
    notes: [
      ...(tokens === 0 ? [] : [note(`${lost} good for nothing once every server has the next key`)]),
      note(
        'to put back a backup from before, a copy of the present key is needed: keep identity/cluster.key with them',
      ),
    ],
    blockers,
    facts,
  }
}

function consequenceFor(isThere: boolean, holds: readonly string[]): string {
  if (!isThere) return 'is away: waited for until it is back or removed'
  if (holds.length === 0) return 'says nothing of its key: waited for until it runs this version'
  return 'gets the next key, then goes by it, then forgets the old one; an etcd of its own starts anew twice'
}

function note(message: string): PlanNote {
  return { service: null, field: null, message }
}
