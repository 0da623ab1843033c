import { OperationalError } from '../core/errors.ts'
import { type LifeCommit, type LifeRecord, type NewLife, objectOf, raise } from '../core/incarnation/raise.ts'
import type { IncarnationProof } from '../core/model/cluster.ts'
import { AUTHORITY_KEY, CLUSTER_KEY, LEADERSHIP_KEY } from '../core/model/objects.ts'
import { proveIncarnation } from '../drivers/pki/incarnation-proof.ts'
import type { Commit, Snapshot, Store, Write } from '../ports/store.ts'
import { MAX_WRITES } from '../ports/store.ts'

/** The step into a new life, and the number of that life. */
export interface Raised {
  readonly incarnation: number
  readonly commit: LifeCommit
}

/**
 * Decides the step that begins a new life of a state, signed by its certificate authority if it has one. `clusterKey`: what
 * `identity/cluster.key` of a server holds. Throws PREREQUISITE where the authority has to sign and there is no cluster
 * key, STORE_CORRUPT for a key of another cluster and for a state that has no cluster object.
 */
export function signedLife(records: readonly LifeRecord[], life: NewLife, clusterKey: Buffer | null): Raised {
  const commit = raise(records, life, (incarnation) => prove(records, incarnation, life.at, clusterKey))
  return { incarnation: commit.cluster.incarnation, commit }
}

function prove(
  records: readonly LifeRecord[],
  incarnation: number,
  at: number,
  clusterKey: Buffer | null,
): IncarnationProof | null {
  const authority = objectOf(records, AUTHORITY_KEY)
  if (authority === null) return null
  if (clusterKey === null) {
    throw new OperationalError(
      'PREREQUISITE',
      'cannot begin a new life of this state: its authority cannot sign here',
      {
        hint: 'put the cluster.key of one of its servers into the directory identity of the data directory, mode 0600, or name a copy with --cluster-key-file',
      },
    )
  }
  const clusterId = objectOf(records, CLUSTER_KEY)?.id ?? ''
  return proveIncarnation(clusterKey, authority, { clusterId, incarnation, at })
}

/**
 * Raises the incarnation of a state where it is: what a recovery does that kept or lost some of it. Agents then follow it
 * although it knows less than they do, and keep what it does not know until a user settles it. No server may run
 * meanwhile; one that does is fenced. Returns the new incarnation. Throws as `signedLife`, CONFLICT when somebody else
 * writes to the state, and OUTCOME_UNKNOWN when the store did not answer: then it may be called again.
 */
export async function raiseIncarnation(store: Store, life: NewLife, clusterKey: Buffer | null): Promise<number> {
  const snapshot = await store.load()
  const { incarnation, commit } = signedLife(snapshot.records, life, clusterKey)
  const writes = lifeWrites(commit, snapshot, life)
  const expect = [CLUSTER_KEY, LEADERSHIP_KEY, AUTHORITY_KEY].map((key) => ({
    key,
    revision: revisionOf(snapshot, key),
  }))
  // Tokens beyond one commit go first: what is cut off here has made fewer of them good, and nothing else.
  const early = writes.slice(MAX_WRITES)
  for (let i = 0; i < early.length; i += MAX_WRITES) {
    await land(store, { epoch: null, expect, writes: early.slice(i, i + MAX_WRITES), events: [] })
  }
  await land(store, { epoch: null, expect, writes: writes.slice(0, MAX_WRITES), events: commit.events })
  return incarnation
}

/** The writes of a new life: the objects that say so first, then what is forgotten. */
export function lifeWrites(commit: LifeCommit, snapshot: Snapshot, { at, by }: NewLife): readonly Write[] {
  const leadership = objectOf(snapshot.records, LEADERSHIP_KEY)
  const holder = leadership?.holder ?? by
  return [
    { put: CLUSTER_KEY, value: commit.cluster },
    { put: LEADERSHIP_KEY, value: { epoch: commit.epoch, holder, address: null, since: at } },
    ...commit.forget.map((key) => ({ delete: key })),
  ]
}

function revisionOf({ records }: Snapshot, key: string): number {
  return records.find((record) => record.key === key)?.revision ?? 0
}

async function land(store: Store, commit: Commit): Promise<void> {
  const outcome = await store.commit(commit)
  if (outcome.kind === 'committed') return
  if (outcome.kind === 'unknown') {
    throw new OperationalError(
      'OUTCOME_UNKNOWN',
      'cannot tell whether the incarnation was raised: the store fell silent',
      {
        hint: 'do it again',
        cause: outcome.cause,
      },
    )
  }
  throw new OperationalError('CONFLICT', 'cannot raise the incarnation: somebody else writes to this state', {
    hint: 'stop every server of the cluster first',
  })
}
