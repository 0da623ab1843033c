import { OperationalError } from '../core/errors.ts'
import { holdersBehind, keyHolders, prepareKeyChange, presentKey } from '../core/identity/key-change.ts'
import { nextCertificate, progressOf } from '../core/identity/rotation-view.ts'
import type { EventDraft } from '../core/model/event.ts'
import type { CertificateAuthority, JoinTokenRecord } from '../core/model/identity.ts'
import type { Millis } from '../core/model/ids.ts'
import { AUTHORITY_KEY, CLUSTER_KEY, keyOf } from '../core/model/objects.ts'
import type { AuthorityChange, Plan } from '../core/model/plan.ts'
import type { AuthorityView } from '../core/model/view.ts'
import { computeAuthorityPlan } from '../core/plan/authority-plan.ts'
import { computeClusterKeyPlan } from '../core/plan/cluster-key-plan.ts'
import { contentHash } from '../lib/canonical-json.ts'
import type { Certifier } from '../ports/certifier.ts'
import type { Write } from '../ports/store.ts'
import { commitOnce, earlierAnswer } from './accept-change.ts'
import { type AdmissionDeps, requireAuthority } from './admission.ts'
import type { Accepted, Caller } from './api.ts'
import { rotationStep } from './change-authority.ts'
import { keyEvent } from './change-cluster-key.ts'
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
    clusterKey: {
      id: presentKey(authority),
      change: authority.keyChange?.kind ?? 'none',
      since: authority.keyChange?.since ?? null,
      waitsFor: holdersBehind(authority, keyHolders(held, trustOf)),
    },
    nodes: progress.map((one) => ({
      ...one,
      name: world.nodes().find(({ id }) => id === one.nodeId)?.name ?? '',
      connected: sessions.connection(one.nodeId) !== null,
      notAfter: held.find(({ nodeId }) => nodeId === one.nodeId)?.issued.at(-1)?.notAfter ?? 0,
    })),
  }
}

/** Computes what a change of the authority, or of the cluster key, would do; changes nothing. */
export function planAuthorityChange(change: AuthorityChange, deps: AuthorityDeps): Plan {
  const { certifier, authority } = requireAuthority(deps)
  const { world, sessions, clock } = deps
  const nodes = world.nodes()
  const certificates = world.mirror.list('certificates').map(({ value }) => value)
  const common = {
    clusterId: world.mirror.get(CLUSTER_KEY)?.value.id ?? '',
    desiredRevision: world.desired,
    change,
    authority,
    nodes,
    connected: new Set(nodes.map(({ id }) => id).filter((id) => sessions.connection(id) !== null)),
  }
  const now = clock.now()
  if (change.kind === 'rotate-authority') {
    const signing = certifier.nameOf(authority.signing.certificate)
    return computeAuthorityPlan({ ...common, signing, certificates, now })
  }
  const servers = keyHolders(certificates, (node) => sessions.trustOf(node))
  const tokens = [...world.mirror.list('token')].filter(({ value }) => isUsable(value, now)).length
  return computeClusterKeyPlan({ ...common, servers, tokens })
}

function isUsable({ revokedAt, usesLeft, expiresAt }: JoinTokenRecord, now: Millis): boolean {
  return revokedAt === null && usesLeft !== 0 && now < expiresAt
}

/** Begins a change of the authority, which every node learns to trust from now on; or of the cluster key, which servers are given. */
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
  const { value, event } = await begin(change, authority, certifier, { clusterId: plan.clusterId, by: caller.by, now })
  const writes: Write[] = [{ put: AUTHORITY_KEY, value }]
  if (caller.idempotencyKey !== null) {
    const record = { requestHash, status: 202, body: { revision: null }, at: now }
    writes.push({ put: keyOf('idempotency', caller.idempotencyKey), value: record })
  }
  if ((await commitOnce({ epoch: null, expect: [signed], writes, events: [event] }, deps)) === null)
    throw new OperationalError('CONFLICT', 'the authority was changed by somebody else at the same time')
  return { revision: null, plan }
}

async function begin(
  { kind }: AuthorityChange,
  authority: CertificateAuthority,
  certifier: Certifier,
  { clusterId, by, now }: { readonly clusterId: string; readonly by: string; readonly now: Millis },
): Promise<{ readonly value: CertificateAuthority; readonly event: EventDraft }> {
  if (kind === 'rotate-cluster-key')
    return {
      value: prepareKeyChange(authority, certifier.drawKey(), now),
      event: keyEvent('key.prepared', by, now),
    }
  const value = await certifier.prepareNext(authority, clusterId, now)
  const message = 'the next certificate authority was made, and nodes learn to trust it'
  return { value, event: { kind: 'authority.prepared', object: AUTHORITY_KEY, service: null, message, by, at: now } }
}
