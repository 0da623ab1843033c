import type { IncarnationProof } from '../core/model/cluster.ts'

/**
 * Says whether an authority that this node trusts has signed that the state of its cluster is of this incarnation. A node
 * without a certificate authority has its server in the same process, and trusts its own data directory.
 */
export type IncarnationTrust = (clusterId: string, incarnation: number, proof: IncarnationProof | null) => boolean
