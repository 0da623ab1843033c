import { revocationsOf, withIssued } from '../core/identity/issued-certificates.ts'
import type { IssuedCertificate, RevokedCertificate, Role } from '../core/model/identity.ts'
import type { Millis, NodeId } from '../core/model/ids.ts'
import { keyOf } from '../core/model/objects.ts'
import type { NodeTarget } from '../core/plan/node-target.ts'
import type { Commit, Write } from '../ports/store.ts'
import type { World } from './world.ts'

const TOO_MANY = 'its node was given many newer ones'

/** What a decision on a node's certificates rests on. */
export function certificatesOf(nodeId: NodeId, { world }: { readonly world: World }): Commit['expect'][number] {
  const key = keyOf('certificates', nodeId)
  return { key, revision: world.mirror.get(key)?.revision ?? 0 }
}

/** What keeps in mind that a node was given a certificate. */
export function issueWrites(
  nodeId: NodeId,
  role: Role,
  issued: IssuedCertificate,
  now: Millis,
  world: World,
): readonly Write[] {
  const key = keyOf('certificates', nodeId)
  const { record, surplus } = withIssued(nodeId, role, world.mirror.get(key)?.value ?? null, issued, now)
  return [{ put: key, value: record }, ...revokes(revocationsOf(record, surplus, TOO_MANY, now))]
}

/**
 * What a change of a node does to certificates: a machine that goes is not believed any more, and one that becomes another
 * node can get itself a certificate of that.
 */
export function changeWrites(
  { from, to, freed, dismisses }: NodeTarget,
  because: string,
  now: Millis,
  world: World,
): Write[] {
  const its = world.mirror.get(keyOf('certificates', from.id))?.value
  const writes: Write[] = []
  if ((dismisses !== null || to?.reserved === true) && its !== undefined) {
    writes.push(...revokes(revocationsOf(its, its.issued, because, now)))
    writes.push({ delete: keyOf('certificates', from.id) })
  }
  const others = freed === null ? undefined : world.mirror.get(keyOf('certificates', freed))?.value
  if (freed === null || others === undefined) return writes
  const kept = writes.filter((write) => !('delete' in write))
  return [
    ...kept,
    ...revokes(revocationsOf(others, others.issued, `its machine is node ${from.id} now`, now)),
    { put: keyOf('certificates', from.id), value: { ...others, nodeId: from.id } },
    { delete: keyOf('certificates', freed) },
  ]
}

function revokes(all: readonly RevokedCertificate[]): Write[] {
  return all.map((value) => ({ put: keyOf('revoked', value.serial), value }))
}
