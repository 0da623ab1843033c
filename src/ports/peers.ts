import type { NodeId } from '../core/model/ids.ts'
import type { HeldState } from '../core/replica/take-over.ts'
import type { ChangeBatch, Commit, CommitOutcome } from './store.ts'

/** What servers that keep the state in their memories say to each other. */
export type PeerMessage =
  /** You have the lowest id that I see: this is what I have. */
  | { readonly kind: 'offer'; readonly state: HeldState }
  /** The keeper's state. Batches follow. */
  | { readonly kind: 'state'; readonly state: HeldState }
  | { readonly kind: 'batch'; readonly batch: ChangeBatch }
  /** For the keeper to judge. `number` is that of the answer. */
  | { readonly kind: 'commit'; readonly number: number; readonly commit: Commit }
  | { readonly kind: 'outcome'; readonly number: number; readonly outcome: CommitOutcome }
  /** It is not the keeper: nothing was written. */
  | { readonly kind: 'refused'; readonly number: number }

/** A connection to another server of the cluster. Messages arrive in order, each or none after it. */
export interface Peer {
  readonly id: NodeId
  send(message: PeerMessage): void
}

/** What is told of connections. Of each server there is one at a time. */
export interface PeerEvents {
  readonly onPeer: (peer: Peer) => void
  readonly onMessage: (peer: Peer, message: PeerMessage) => void
  readonly onGone: (peer: Peer) => void
}
