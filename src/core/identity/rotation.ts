import { OperationalError } from '../errors.ts'
import type { CertificateAuthority, SigningKey } from '../model/identity.ts'
import type { Millis, NodeId } from '../model/ids.ts'

/** How far one living node is with the change of the authority. Nodes that are gone for good are removed first. */
export interface RotationProgress {
  readonly nodeId: NodeId
  /** It trusts the next authority. */
  readonly trustsNext: boolean
  /** Its certificate is of the next authority. */
  readonly holdsNext: boolean
}

export type RotationStep =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'wait'; readonly nodes: readonly NodeId[]; readonly because: string }
  | { readonly kind: 'switch' }
  | { readonly kind: 'finish' }

/** Decides what the change of the authority needs next. It never goes on while a node would be left behind. */
export function planRotation(authority: CertificateAuthority, nodes: readonly RotationProgress[]): RotationStep {
  switch (authority.rotation.kind) {
    case 'none':
      return { kind: 'nothing' }
    case 'prepared':
      return stepUnless(nodes, (node) => node.trustsNext, 'must first trust the next authority', { kind: 'switch' })
    case 'switched':
      return stepUnless(nodes, (node) => node.holdsNext, 'must first renew their certificates', { kind: 'finish' })
  }
}

function stepUnless(
  nodes: readonly RotationProgress[],
  done: (node: RotationProgress) => boolean,
  because: string,
  step: RotationStep,
): RotationStep {
  const behind = nodes.filter((node) => !done(node)).map(({ nodeId }) => nodeId)
  return behind.length === 0 ? step : { kind: 'wait', nodes: behind, because }
}

/** Adds the next authority to what is trusted; the present one goes on signing. Throws CONFLICT during a rotation. */
export function prepareRotation(
  authority: CertificateAuthority,
  next: SigningKey,
  crossSigned: string,
  now: Millis,
): CertificateAuthority {
  if (authority.rotation.kind !== 'none') {
    throw new OperationalError('CONFLICT', 'cannot change the authority: a change of it is on the way already')
  }
  return {
    ...authority,
    bundle: [...authority.bundle, next.certificate],
    rotation: { kind: 'prepared', since: now, next, crossSigned },
  }
}

/** Lets the next authority sign. The old one's private key is forgotten with this. */
export function switchAuthority(authority: CertificateAuthority, now: Millis): CertificateAuthority {
  const { rotation, signing, bundle } = authority
  if (rotation.kind !== 'prepared') throw notThere('no next authority is prepared')
  const { next, crossSigned } = rotation
  return {
    ...authority,
    bundle: [next.certificate, ...bundle.filter((certificate) => certificate !== next.certificate)],
    signing: next,
    rotation: { kind: 'switched', since: now, previous: signing.certificate, crossSigned },
  }
}

/** Ends the trust in the old authority. A node that was away all the while has to join again. */
export function finishRotation(authority: CertificateAuthority): CertificateAuthority {
  const { rotation, bundle } = authority
  if (rotation.kind !== 'switched') throw notThere('the next authority does not sign yet')
  return {
    ...authority,
    bundle: bundle.filter((certificate) => certificate !== rotation.previous),
    rotation: { kind: 'none' },
  }
}

/** What a server presents after its own certificate, for peers that trust only an authority before the signing one. */
export function crossChain(authority: CertificateAuthority): readonly string[] {
  return authority.rotation.kind === 'switched' ? [authority.rotation.crossSigned] : []
}

function notThere(why: string): OperationalError {
  return new OperationalError('CONFLICT', `cannot change the authority: ${why}`)
}
