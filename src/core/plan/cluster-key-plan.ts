import { type KeyHolder, keyChangeWords, presentKey } from '../identity/key-change.ts'
import type { CertificateAuthority } from '../model/identity.ts'
import type { Plan } from '../model/plan.ts'
import { type IdentityPlanInput, planOfIdentity } from './identity-plan.ts'

export interface ClusterKeyPlanInput extends IdentityPlanInput {
  readonly authority: CertificateAuthority
  readonly servers: readonly KeyHolder[]
  /** Join tokens that would let somebody in. */
  readonly tokens: number
}

/** Computes what a change of the cluster key would do: which servers get it, and which it would wait for. */
export function computeClusterKeyPlan(input: ClusterKeyPlanInput): Plan {
  const { authority, servers, tokens, connected } = input
  const words = keyChangeWords(authority)
  const lost = tokens === 1 ? '1 join token is' : `${tokens} join tokens are`
  return planOfIdentity(input, {
    steps: servers.map(({ nodeId, holds }) => ({
      node: nodeId,
      consequence: consequenceFor(connected.has(nodeId), holds),
    })),
    present: ['cluster key', `${presentKey(authority)}, ${words}`],
    blocker: authority.keyChange === undefined ? null : `a change of the cluster key is on the way already: ${words}`,
    notes: [
      ...(tokens === 0 ? [] : [`${lost} good for nothing once every server has the next key`]),
      'to put back a backup from before, a copy of the present key is needed: keep identity/cluster.key with them',
    ],
  })
}

function consequenceFor(isThere: boolean, holds: readonly string[]): string {
  if (!isThere) return 'is away: waited for until it is back or removed'
  if (holds.length === 0) return 'says nothing of its key: waited for until it runs this version'
  return 'gets the next key, then goes by it, then forgets the old one; an etcd of its own starts anew twice'
}
