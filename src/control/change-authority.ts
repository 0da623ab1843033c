import { finishRotation, planRotation, type RotationStep, switchAuthority } from '../core/identity/rotation.ts'
import { nextCertificate, progressOf } from '../core/identity/rotation-view.ts'
import type { EventKind } from '../core/model/event.ts'
import type { CertificateAuthority } from '../core/model/identity.ts'
import type { Millis, NodeId } from '../core/model/ids.ts'
import type { Trust } from '../core/model/message.ts'
import { AUTHORITY_KEY, CLUSTER_KEY } from '../core/model/objects.ts'
import type { Certifier } from '../ports/certifier.ts'
import { changeClusterKey } from './change-cluster-key.ts'
import { commitPart, type PassDeps } from './pass.ts'
import type { World } from './world.ts'

/** Certificates expire, and then nobody waits for their nodes any more. */
const LOOK_AGAIN_MS: Millis = 60_000

/** What a change of the authority needs next. */
export function rotationStep(
  authority: CertificateAuthority,
  { world, certifier, now }: { readonly world: World; readonly certifier: Certifier; readonly now: Millis },
  trustOf: (node: NodeId) => Trust | null,
): RotationStep {
  const next = nextCertificate(authority)
  if (next === null) return { kind: 'nothing' }
  const nodes = world.mirror.list('certificates').map(({ value }) => value)
  return planRotation(authority, progressOf(certifier.nameOf(next), nodes, trustOf, now))
}

/** Takes a change of the authority a step further, as soon as no node is left behind by it. */
export async function changeAuthority(
  deps: PassDeps,
  certifier: Certifier | null,
  trustOf: (node: NodeId) => Trust | null,
): Promise<Millis | null> {
  const { world, clock } = deps
  const authority = world.mirror.get(AUTHORITY_KEY)?.value
  if (authority === undefined || certifier === null) return null
  const now = clock.now()
  const vouched = await vouchAgain(authority, certifier, deps)
  if (vouched !== null) return vouched
  const keyed = await changeClusterKey(authority, certifier, deps, trustOf)
  if (keyed !== null) return keyed
  const step = rotationStep(authority, { world, certifier, now }, trustOf)
  switch (step.kind) {
    case 'nothing':
      return null
    case 'wait':
      return now + LOOK_AGAIN_MS
    case 'switch':
      return write(
        switchAuthority(authority, now),
        'authority.switched',
        'the next certificate authority signs from now on',
        deps,
      )
    case 'finish':
      return write(
        finishRotation(authority),
        'authority.changed',
        'the old certificate authority is not trusted any more',
        deps,
      )
  }
}

/**
 * Has the authority that signs now sign the incarnation that there is. One that slept through the beginning of that
 * incarnation, and through the whole change of the authority, believes no other. null: it has.
 */
async function vouchAgain(
  authority: CertificateAuthority,
  certifier: Certifier,
  deps: PassDeps,
): Promise<Millis | null> {
  const cluster = deps.world.mirror.get(CLUSTER_KEY)?.value
  const signer = cluster?.proof?.chain[0]
  if (cluster === undefined || signer === undefined || signer === authority.signing.certificate) return null
  const at = deps.clock.now()
  const { id: clusterId, incarnation } = cluster
  const value = { ...cluster, proof: certifier.prove(authority, { clusterId, incarnation, at }) }
  const message = `the authority that signs now vouches for incarnation ${incarnation}`
  const event = { kind: 'cluster.incarnation', object: CLUSTER_KEY, service: null, message, by: 'control', at } as const
  return commitPart(deps, [AUTHORITY_KEY], [{ writes: [{ put: CLUSTER_KEY, value }], events: [event] }], at)
}

function write(value: CertificateAuthority, kind: EventKind, message: string, deps: PassDeps): Promise<Millis | null> {
  const event = { kind, object: AUTHORITY_KEY, service: null, message, by: 'control', at: deps.clock.now() }
  return commitPart(deps, [], [{ writes: [{ put: AUTHORITY_KEY, value }], events: [event] }], deps.clock.now())
}
