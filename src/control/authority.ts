import { OperationalError } from '../core/errors.ts'
import { nextCertificate, progressOf } from '../core/identity/rotation-view.ts'
import { AUTHORITY_KEY, CLUSTER_KEY, keyOf } from '../core/model/objects.ts'
import type { AuthorityChange, Plan } from '../core/model/plan.ts'
import type { AuthorityView } from '../core/model/view.ts'
import { computeAuthorityPlan } from '../core/plan/authority-plan.ts'
import { contentHash } from '../lib/canonical-json.ts'
import type { Write } from '../ports/store.ts'
import { commitOnce, earlierAnswer } from './accept-change.ts'
import { type AdmissionDeps, requireAuthority } from './admission.ts'
import type { Accepted, Caller } from './api.ts'
import { rotationStep } from './change-authority.ts'
import type { Sessions } from './sessions.ts'

type AuthorityDeps = AdmissionDeps & { readonly sessions: Sessions }

/** The authority of the cluster, and how far a change of it is. Throws UNSUPPORTED where there is none. */
export function viewAuthority(deps: AuthorityDeps): AuthorityView {
  const { certifier, authority } = requireAuthority(deps)
  const { world, sessions, clock } = deps
  const now = clock.now()
  const nameOf = (certificate: string): string => certifier.nameOf(certificate)
  const trustOf: Sessions['trustOf'] = (node) => sessions.trustOf(node)
  const { rotation } = authority
  const next = nextCertificate(authority)
  const held = world.mirror.list('certificates').map(({ value }) => value)
  const progress = progressOf(next === null ? nameOf(authority.signing.certificate) : nameOf(next), held, trustOf, now)
  const step = rotationStep(authority, { world, certifier, now }, trustOf)
  return {
    signing: nameOf(authority.signing.certificate),
    trusted: authority.bundle.map(nameOf),
    rotation: rotation.kind,
    since: rotation.kind === 'none' ? null : rotation.since,
    waitsFor: step.kind === 'wait' ? step.nodes : [],
    revoked: world.mirror.count('revoked'),
    nodes: progress.map((one) => ({
      ...one,
      name: world.nodes().find(({ id }) => id === one.nodeId)?.name ?? '',
      connected: sessions.connection(one.nodeId) !== null,
      notAfter: held.find(({ nodeId }) => nodeId === one.nodeId)?.issued.at(-1)?.notAfter ?? 0,
    })),
  }
}

/** Computes what a change of the authority would do; changes nothing. */
export function planAuthorityChange(change: AuthorityChange, deps: AuthorityDeps): Plan {
  const { certifier, authority } = requireAuthority(deps)
  const { world, sessions, clock } = deps
  const nodes = world.nodes()
  return computeAuthorityPlan({
    clusterId: world.mirror.get(CLUSTER_KEY)?.value.id ?? '',
    desiredRevision: world.desired,
    change,
    authority,
    signing: certifier.nameOf(authority.signing.certificate),
    certificates: world.mirror.list('certificates').map(({ value }) => value),
    nodes,
    connected: new Set(nodes.map(({ id }) => id).filter((id) => sessions.connection(id) !== null)),
    now: clock.now(),
  })
}

/** Begins a change of the authority: from now on every node learns to trust the next one. */
export async function acceptAuthorityChange(
  change: AuthorityChange,
  checkPlan: (now: Plan) => void,
  caller: Caller,
  deps: AuthorityDeps,
): Promise<Accepted> {
  const { certifier, authority, signed } = requireAuthority(deps)
  const { clock } = deps
  const requestHash = contentHash(change)
  const plan = planAuthorityChange(change, deps)
  if (earlierAnswer(caller, requestHash, deps) !== null) return { revision: null, plan }
  checkPlan(plan)
  const now = clock.now()
  const value = await certifier.prepareNext(authority, plan.clusterId, now)
  const message = 'the next certificate authority was made, and nodes learn to trust it'
  const writes: Write[] = [{ put: AUTHORITY_KEY, value }]
  if (caller.idempotencyKey !== null) {
    const record = { requestHash, status: 202, body: { revision: null }, at: now }
    writes.push({ put: keyOf('idempotency', caller.idempotencyKey), value: record })
  }
  const events = [
    { kind: 'authority.prepared' as const, object: AUTHORITY_KEY, service: null, message, by: caller.by, at: now },
  ]
  if ((await commitOnce({ epoch: null, expect: [signed], writes, events }, deps)) === null)
    throw new OperationalError('CONFLICT', 'the authority was changed by somebody else at the same time')
  return { revision: null, plan }
}
