import { OperationalError } from '../core/errors.ts'
import type { StoreRevision } from '../core/model/ids.ts'
import type { ChangeBatch, Commit, CommitOutcome } from '../ports/store.ts'
import { judgeCommit, toBatch, writesNothing } from './judge-commit.ts'
import type { SqliteFile } from './sqlite-file.ts'

const SQLITE_FULL = 13

/** A commit with the text of its values, made before the transaction so that a value without one harms nobody else. */
export interface PreparedCommit {
  readonly commit: Commit
  /** One per write; empty for a delete. */
  readonly texts: readonly string[]
}

/** One transaction with the outcomes of all its commits, in their order, and the batches that it amounts to. */
export interface Group {
  readonly outcomes: readonly CommitOutcome[]
  readonly batches: readonly ChangeBatch[]
  /** The store's revision when the transaction has landed. */
  readonly revision: StoreRevision
}

export type GroupResult =
  | { readonly kind: 'written'; readonly group: Group }
  /** Nothing was written, and the next group may fare better. */
  | { readonly kind: 'refused'; readonly error: OperationalError }
  /** COMMIT failed: whether it landed can only be seen by opening the file anew. */
  | { readonly kind: 'doubtful'; readonly group: Group; readonly cause: unknown }

export function prepareCommit(commit: Commit): PreparedCommit {
  return { commit, texts: commit.writes.map((write) => ('put' in write ? JSON.stringify(write.value) : '')) }
}

/**
 * Writes the commits in one transaction: each is judged after those before it took effect and gets an outcome of its
 * own. `before` is the store's revision. Throws only for faults of ours; then nothing was written either.
 */
export function writeGroup(file: SqliteFile, commits: readonly PreparedCommit[], before: StoreRevision): GroupResult {
  let group: Group = { outcomes: [], batches: [], revision: before }
  try {
    file.begin()
    group = applyAll(file, commits, before)
  } catch (cause) {
    return undo(file, group, cause)
  }
  try {
    file.commit()
    return { kind: 'written', group }
  } catch (cause) {
    // A full disk cuts the log off before the mark that makes a transaction count, so it did not land.
    return isFull(cause) ? undo(file, group, cause) : { kind: 'doubtful', group, cause }
  }
}

function applyAll(file: SqliteFile, commits: readonly PreparedCommit[], before: StoreRevision): Group {
  let revision = before
  const outcomes: CommitOutcome[] = []
  const batches: ChangeBatch[] = []
  for (const prepared of commits) {
    const refused = judgeCommit(prepared.commit, file)
    if (refused === null && !writesNothing(prepared.commit)) {
      revision++
      batches.push(apply(file, prepared, revision))
    }
    outcomes.push(refused ?? { kind: 'committed', revision })
  }
  if (revision !== before) file.setRevision(revision)
  return { outcomes, batches, revision }
}

function apply(file: SqliteFile, { commit, texts }: PreparedCommit, revision: StoreRevision): ChangeBatch {
  const batch = toBatch(commit, revision)
  batch.changes.forEach(({ key, value }, index) => {
    if (value === null) file.delete(key)
    else file.put(key, revision, texts[index] ?? JSON.stringify(value))
  })
  return batch
}

function undo(file: SqliteFile, group: Group, cause: unknown): GroupResult {
  try {
    file.rollback()
  } catch {
    // A connection that cannot even undo is of no use any more; opening the file anew undoes it.
    return { kind: 'doubtful', group, cause }
  }
  if (!isSqlite(cause)) throw cause
  const error = isFull(cause)
    ? new OperationalError('STORE_FULL', 'cannot write to the store: its disk is full', { cause })
    : new OperationalError('UNAVAILABLE', 'cannot write to the store: its disk fails', { cause })
  return { kind: 'refused', error }
}

function isSqlite(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'ERR_SQLITE_ERROR'
}

function isFull(error: unknown): boolean {
  const { errcode } = error as { errcode?: unknown }
  // The low byte is the error; the rest says where it happened.
  return typeof errcode === 'number' && (errcode & 0xff) === SQLITE_FULL
}
