import { rotationWords } from '../identity/rotation-view.ts'
import type { CertificateAuthority, NodeCertificates } from '../model/identity.ts'
import type { Millis } from '../model/ids.ts'
import type { Plan } from '../model/plan.ts'
import { type IdentityPlanInput, planOfIdentity } from './identity-plan.ts'

export interface AuthorityPlanInput extends IdentityPlanInput {
  readonly authority: CertificateAuthority
  /** Names the authority that signs now. */
  readonly signing: string
  readonly certificates: readonly NodeCertificates[]
  readonly now: Millis
}

/** Computes what a change of the authority would do: which nodes get another certificate, and which it would wait for. */
export function computeAuthorityPlan(input: AuthorityPlanInput): Plan {
  const { authority, signing, connected } = input
  const held = input.certificates.filter(({ issued }) => issued.some(({ notAfter }) => input.now < notAfter))
  const nodes = input.nodes.filter(({ id }) => held.some(({ nodeId }) => nodeId === id)).sort((a, b) => a.id - b.id)
  return planOfIdentity(input, {
    steps: nodes.map(({ id }) => ({ node: id, consequence: consequenceFor(connected.has(id)) })),
    present: ['authority', `${signing}, ${authority.rotation.kind}`],
    blocker:
      authority.rotation.kind === 'none'
        ? null
        : `a change of the authority is on the way already: ${rotationWords(authority.rotation)}`,
    notes: ['join tokens that were made before are good for nothing once the change has ended'],
  })
}

function consequenceFor(isThere: boolean): string {
  return isThere
    ? 'trusts the next authority, then gets a certificate of it; nothing that runs is touched'
    : 'is away: waited for until it is back, is removed, or its certificate has expired'
}
