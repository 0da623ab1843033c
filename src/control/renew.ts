import { OperationalError } from '../core/errors.ts'
import { asksTooOften, judgeRenewal } from '../core/identity/issued-certificates.ts'
import type { NodeCertificates, NodeIdentity } from '../core/model/identity.ts'
import { CLUSTER_KEY, keyOf } from '../core/model/objects.ts'
import { commitOnce } from './accept-change.ts'
import { type AdmissionDeps, requireAuthority } from './admission.ts'
import { certificatesOf, issueWrites } from './node-certificates.ts'

/** Who asks for a new certificate, as far as he has proved it. */
export interface Renewing {
  /** What his certificate says, if it is good; null: it is not. */
  readonly identity: NodeIdentity | null
  /** The key that he has, which is that of his certificate, whoever signed that. */
  readonly keyHash: string
}

export interface Renewal {
  readonly certificate: string
  readonly bundle: string
}

const TRIES = 5

/**
 * Certifies a new key for a node that is still one of the cluster, as the node that its machine is now. Throws FORBIDDEN for
 * one that was removed or replaced, RATE_LIMITED for one that asks all the time.
 */
export async function renew(who: Renewing, request: string, deps: AdmissionDeps): Promise<Renewal> {
  const { world, clock } = deps
  for (let tries = 1; tries <= TRIES; tries++) {
    const { certifier, authority, signed } = requireAuthority(deps)
    const now = clock.now()
    const { nodeId, role, issued } = nodeOf(who, deps)
    const node = world.mirror.get(keyOf('node', nodeId))
    if (node === null) throw forbidden(`node ${nodeId} is not of this cluster any more`)
    if (asksTooOften({ nodeId, role, issued }, now))
      throw new OperationalError('RATE_LIMITED', `node ${nodeId} was given many certificates within a minute`)
    const addresses = node.value.address === null ? [] : [node.value.address]
    const clusterId = world.mirror.get(CLUSTER_KEY)?.value.id ?? ''
    const certificate = await certifier.issue(authority, request, { clusterId, role, nodeId, addresses, now })
    const expect = [{ key: node.key, revision: node.revision }, certificatesOf(nodeId, deps), signed]
    const writes = issueWrites(nodeId, role, certifier.describe(authority, certificate, now), now, world)
    if ((await commitOnce({ epoch: null, expect, writes, events: [] }, deps)) === null) continue
    return { certificate, bundle: authority.bundle.join('') }
  }
  throw new OperationalError('CONFLICT', 'the node was changed by somebody else at the same time')
}

function nodeOf({ identity, keyHash }: Renewing, { world, clock }: AdmissionDeps): NodeCertificates {
  const revoked = [...world.mirror.list('revoked')].map(({ value }) => value)
  const all = [...world.mirror.list('certificates')].map(({ value }) => value)
  const verdict = judgeRenewal(keyHash, all, revoked, clock.now())
  if (verdict.kind === 'ok') return verdict.node
  if (identity === null || revoked.some((one) => one.keyHash === keyHash)) throw forbidden(verdict.message)
  const known = world.mirror.get(keyOf('certificates', identity.nodeId))?.value ?? null
  // One that was given to a node before certificates were kept in mind.
  if (known === null) return { ...identity, issued: [] }
  // One that was given after the backup was made that this state comes from. Whose an agent's is shows when it says hello.
  if (world.isPutBack && known.role === 'server' && identity.role === 'server') return known
  throw forbidden(verdict.message)
}

function forbidden(why: string): OperationalError {
  return new OperationalError('FORBIDDEN', `cannot renew the certificate: ${why}`)
}
