import type { FoundHint, Hint } from '../core/discovery/hint.ts'
import type { Silence } from '../core/discovery/judge-packet.ts'
import type { NamedNode } from '../core/discovery/named-nodes.ts'

/** Which cluster a node searches for, and with what it proves that it may. */
export interface ServerSearch {
  readonly clusterName: string
  /** The hash in the join token, or that of the authority the node knows; null: not known yet. */
  readonly authorityHash: string | null
  /** The secret that all searches of this cluster are signed with; null: none was configured. */
  readonly secret: string | null
  /** Nodes to ask by name, besides everybody near. */
  readonly nodes: readonly NamedNode[]
}

/** Which searches a server answers, and with what. */
export interface AnsweredSearches {
  readonly clusterName: string
  /** Every authority that join tokens may name. */
  readonly authorityHashes: readonly string[]
  /** With a secret only searches signed with it are answered. */
  readonly secret: string | null
  /** What to tell now; null: nothing yet. Called for each answer. */
  readonly hint: () => Hint | null
}

export interface Answering {
  /** How many packets were answered, and how many were not, by reason. */
  readonly counts: Readonly<Record<'answered' | Silence, number>>
  /** Resolves when nothing is answered any more. */
  close(): Promise<void>
}

/** How nodes find the servers of a cluster without a list. What is found is a hint: nothing of it is proven. */
export interface Discovery {
  /**
   * Searches, again and again with growing pauses, and yields each distinct answer once, up to 64 of them. Ends when the
   * signal aborts or the loop is left, and leaves nothing open. Throws CONFIG_INVALID for what cannot be searched for.
   */
  findServers(search: ServerSearch, signal: AbortSignal): AsyncIterable<FoundHint>
  /** Answers searches until it is closed. Throws PORT_IN_USE, CONFIG_INVALID or UNAVAILABLE when it cannot listen. */
  answerSearches(searches: AnsweredSearches): Promise<Answering>
}
