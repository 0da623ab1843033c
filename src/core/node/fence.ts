import type { Authority } from '../model/message.ts'

export type FenceVerdict =
  | { readonly kind: 'accept' }
  /** An older leader, or an older message of this one: ignored. */
  | { readonly kind: 'stale' }
  /** Another cluster, or an older world: nothing it says may be done, and people must hear of it. */
  | { readonly kind: 'refuse'; readonly message: string }

/**
 * Judges who may give orders. `held` is the highest authority that was acted on, durably; null: none yet.
 * An incarnation above the held one makes epoch and revision start anew (restore, move to another store). `vouched`: whether
 * the certificate authority that this node trusts has signed the offered incarnation; it is asked only where that matters.
 */
export function judgeAuthority(held: Authority | null, offered: Authority, vouched: () => boolean): FenceVerdict {
  if (held === null) return { kind: 'accept' }
  if (offered.clusterId !== held.clusterId) {
    return {
      kind: 'refuse',
      message: `orders come from cluster ${offered.clusterId}, but this node belongs to ${held.clusterId}`,
    }
  }
  if (offered.incarnation !== held.incarnation) {
    const { incarnation } = offered
    if (incarnation < held.incarnation) {
      return {
        kind: 'refuse',
        message: `the state is of incarnation ${incarnation}, but ${held.incarnation} was acted on`,
      }
    }
    if (vouched()) return { kind: 'accept' }
    return {
      kind: 'refuse',
      message: `the state says that it is of incarnation ${incarnation}, but no authority that this node trusts has signed that`,
    }
  }
  if (offered.epoch < held.epoch) return { kind: 'stale' }
  if (offered.revision >= held.revision) return { kind: 'accept' }
  // The same reign only moves forward, so a lower revision is an old message; a new reign that knows less has lost state.
  if (offered.epoch === held.epoch) return { kind: 'stale' }
  return { kind: 'refuse', message: `the state is at revision ${offered.revision}, but ${held.revision} was acted on` }
}
