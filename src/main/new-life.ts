import type { NewLife } from '../core/incarnation/raise.ts'
import type { Snapshot, StoreRecord } from '../ports/store.ts'
import { toBatch } from '../store/judge-commit.ts'
import { lifeWrites, signedLife } from './raise-incarnation.ts'

/** More commits than are made between a backup and its restore: no number that was given since is given again. */
const REVISIONS_APART = 1_000_000

/** A state as it begins its next life, in whatever store; signed where there is an authority. Throws as `signedLife`. */
export function inNewLife(
  before: Snapshot,
  life: NewLife,
  clusterKey: Buffer | null,
): { readonly state: Snapshot; readonly incarnation: number } {
  const { incarnation, commit } = signedLife(before.records, life, clusterKey)
  const revision = before.revision + (life.kind === 'move' ? 1 : REVISIONS_APART)
  const writes = lifeWrites(commit, before, life)
  const batch = toBatch({ epoch: null, expect: [], writes, events: commit.events }, revision)
  const records = new Map(before.records.map((record) => [record.key, record]))
  for (const { key, value } of batch.changes) {
    if (value === null) records.delete(key)
    else records.set(key, { key, value, revision } as StoreRecord)
  }
  const inOrder = [...records.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
  return { state: { revision, records: inOrder }, incarnation }
}
