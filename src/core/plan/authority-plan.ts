import { contentHash } from '../../lib/canonical-json.ts'
import { rotationWords } from '../identity/rotation-view.ts'
import type { CertificateAuthority, NodeCertificates } from '../model/identity.ts'
import type { Millis, NodeId } from '../model/ids.ts'
import type { Node } from '../model/node.ts'
import type { AuthorityChange, NodeAction, Plan, PlanNote } from '../model/plan.ts'
import { countActions } from './plan.ts'

export interface AuthorityPlanInput {
  readonly clusterId: string
  readonly desiredRevision: number
  readonly change: AuthorityChange
  readonly authority: CertificateAuthority
  /** Names the authority that signs now. */
  readonly signing: string
  readonly certificates: readonly NodeCertificates[]
  readonly nodes: readonly Node[]
  /** Nodes whose agent is connected. */
  readonly connected: ReadonlySet<NodeId>
  readonly now: Millis
}

/** Computes what a change of the authority would do: which nodes get another certificate, and which it would wait for. */
export function computeAuthorityPlan(input: AuthorityPlanInput): Plan {
  const { clusterId, desiredRevision: baseRevision, change, authority, signing, connected } = input
  const held = input.certificates.filter(({ issued }) => issued.some(({ notAfter }) => input.now < notAfter))
  const nodes = input.nodes.filter(({ id }) => held.some(({ nodeId }) => nodeId === id)).sort((a, b) => a.id - b.id)
  const actions = nodes.map(({ id, name }): NodeAction => {
    const isThere = connected.has(id)
    const consequence = isThere
      ? 'trusts the next authority, then gets a certificate of it; nothing that runs is touched'
      : 'is away: waited for until it is back, is removed, or its certificate has expired'
    return { node: id, name, kind: 'change', fields: [], consequence }
  })
  const facts: Record<string, string> = { authority: `${signing}, ${authority.rotation.kind}` }
  for (const { id } of nodes) facts[`node/${id}`] = connected.has(id) ? 'connected' : 'away'
  const blockers: PlanNote[] =
    authority.rotation.kind === 'none'
      ? []
      : [note(`a change of the authority is on the way already: ${rotationWords(authority.rotation)}`)]
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
    notes: [note('join tokens that were made before are good for nothing once the change has ended')],
    blockers,
    facts,
  }
}

function note(message: string): PlanNote {
  return { service: null, field: null, message }
}
