import type { CertificateAuthority, NodeCertificates, Rotation } from '../model/identity.ts'
import type { Millis, NodeId } from '../model/ids.ts'
import type { Trust } from '../model/message.ts'
import type { RotationProgress } from './rotation.ts'

/** The authority to which a change leads; null: none is on the way. */
export function nextCertificate({ rotation, signing }: CertificateAuthority): string | null {
  if (rotation.kind === 'none') return null
  return rotation.kind === 'prepared' ? rotation.next.certificate : signing.certificate
}

/**
 * How far the nodes are that a change of the authority waits for: those with a certificate that is still good, also while they
 * are away. Whoever has none any more needs another one from a server anyway. `next`: the name of the next authority.
 */
export function progressOf(
  next: string,
  nodes: readonly NodeCertificates[],
  trustOf: (node: NodeId) => Trust | null,
  now: Millis,
): readonly RotationProgress[] {
  return nodes
    .filter(({ issued }) => issued.some(({ notAfter }) => now < notAfter))
    .map(({ nodeId }) => {
      const trust = trustOf(nodeId)
      const trustsNext = trust?.authorities.includes(next) === true
      return { nodeId, trustsNext, holdsNext: trustsNext && trust.signedBy === next }
    })
    .sort((a, b) => a.nodeId - b.nodeId)
}

/** Where a change of the authority is, in a few words. */
export function rotationWords({ kind }: Rotation): string {
  switch (kind) {
    case 'none':
      return 'no change is on the way'
    case 'prepared':
      return 'the next authority is there, and nodes learn to trust it'
    case 'switched':
      return 'the new authority signs, and nodes renew their certificates'
  }
}
