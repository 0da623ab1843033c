import type { Millis, NodeId } from '../model/ids.ts'

/** What a server sees of the others. */
export interface Surroundings {
  readonly self: NodeId
  /** Servers that it is connected to, and whether each has said what state it has, for this one to keep. */
  readonly peers: readonly { readonly id: NodeId; readonly hasOffered: boolean }[]
  /** How many others there may be. */
  readonly others: number
  /** Whether this server is the keeper now. */
  readonly keeps: boolean
  /** Whether it, or one of those that have offered theirs, has a state. */
  readonly hasState: boolean
  /** For how long nobody has come or gone. */
  readonly quietMs: Millis
  /** Nobody has come since it began, so that those who are there may be on their way. */
  readonly isNew: boolean
}

export type KeeperStep =
  | { readonly kind: 'follow'; readonly keeper: NodeId }
  | { readonly kind: 'keep' }
  | { readonly kind: 'take' }
  /** Look again after that time; null: nothing comes of waiting. */
  | { readonly kind: 'wait'; readonly ms: Millis | null }

/** A connection that broke is back before, and servers that start at once have found each other. */
export const SETTLE_MS: Millis = 500
const FIND_MS: Millis = 2_000
/** Whoever has not said by then what he has follows somebody else, or hangs. */
const OFFER_WITHIN_MS: Millis = 2_000

/** Of the servers that see each other the one with the lowest id keeps the state, and leads. */
export function chooseKeeper(seen: Surroundings): KeeperStep {
  const { self, peers, others, keeps, hasState, quietMs, isNew } = seen
  const lowest = Math.min(self, ...peers.map(({ id }) => id))
  if (lowest !== self) return { kind: 'follow', keeper: lowest }
  if (keeps) return { kind: 'keep' }
  if (!hasState) return { kind: 'wait', ms: null }
  const allOffered = peers.every(({ hasOffered }) => hasOffered)
  const isComplete = peers.length >= others
  const patienceMs = !allOffered ? OFFER_WITHIN_MS : isComplete ? 0 : isNew ? FIND_MS : SETTLE_MS
  return quietMs >= patienceMs ? { kind: 'take' } : { kind: 'wait', ms: patienceMs - quietMs }
}
