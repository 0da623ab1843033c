import type { Epoch, StoreRevision } from '../../core/model/ids.ts'
import type { Key } from '../../core/model/objects.ts'
import { LEADERSHIP_KEY } from '../../core/model/objects.ts'
import { invariant } from '../../lib/assert.ts'
import type { ChangeBatch, Commit, CommitOutcome } from '../../ports/store.ts'
import type { Present } from '../judge-commit.ts'
import { judgeCommit, toBatch, writesNothing } from '../judge-commit.ts'
import type { Compare, Op, TxnRequest } from './kv-messages.ts'
import type { Layout } from './layout.ts'
import { encodeHead, encodeObject, FORMAT_VERSION } from './layout.ts'
import type { Replica } from './replica.ts'

/** Bounds what one transaction costs etcd when many commits come at once. A single commit may be larger. */
const MAX_GROUP_OPS = 512
const MAX_GROUP_CHARACTERS = 500_000

/**
 * etcd takes 128 operations in a transaction, and as many less those of the outer one in each transaction within it.
 * All are one step.
 */
const FLAT_OPS = 120
const NESTED_OPS = 64
const MAX_OPS = 60 * NESTED_OPS

/** A commit with the text of its values, made before it joins others so that a value without one harms nobody else. */
export interface PreparedCommit {
  readonly commit: Commit
  /** One per write, then one per event draft; empty for a delete. */
  readonly texts: readonly string[]
}

/** Commits that are written in one transaction, judged by what is known now. */
export interface Group {
  /** How many of the waiting commits are in it: the first ones. */
  readonly outcomes: readonly CommitOutcome[]
  /** Which of them write something, and so do not know their outcome when the answer is lost. */
  readonly writing: readonly boolean[]
  readonly batches: readonly ChangeBatch[]
  readonly txn: TxnRequest
  /** What it was judged by: etcd's revision of the head. */
  readonly mod: number
  readonly turn: number
  readonly resets: number
}

export function prepareCommit(commit: Commit): PreparedCommit {
  return { commit, texts: commit.writes.map((write) => ('put' in write ? JSON.stringify(write.value) : '')) }
}

/**
 * Judges the waiting commits, each after those before it took effect, and puts as many as go together into one
 * transaction: it holds only if the head, and under a fence the leadership object, are still as judged by. As everything
 * that is written moves the head, nothing at all has changed then. A key is written once in a transaction, so a commit
 * that writes what one before it wrote waits for the next.
 */
export function planGroup(waiting: readonly PreparedCommit[], replica: Replica, layout: Layout, turn: number): Group {
  const overlay = new Overlay(replica)
  const outcomes: CommitOutcome[] = []
  const writing: boolean[] = []
  const batches: ChangeBatch[] = []
  const ops: Op[] = []
  let characters = 0
  let isFenced = false
  for (const { commit, texts } of waiting) {
    const refused = judgeCommit(commit, overlay)
    if (commit.epoch !== null) isFenced = true
    if (refused !== null || writesNothing(commit)) {
      outcomes.push(refused ?? { kind: 'committed', revision: overlay.revision })
      writing.push(false)
      continue
    }
    const batch = lastOfEach(toBatch(commit, overlay.revision + 1), overlay)
    const added = toOps(layout, batch, commit, texts)
    const size = added.reduce((sum, op) => sum + (op.kind === 'put' ? op.value.length : 0), 0)
    const isFirst = ops.length === 0 && batches.length === 0
    const fits = ops.length + added.length <= MAX_GROUP_OPS && characters + size <= MAX_GROUP_CHARACTERS
    if (!isFirst && !(fits && overlay.isDisjoint(batch))) break
    overlay.take(batch)
    ops.push(...added)
    characters += size
    batches.push(batch)
    outcomes.push({ kind: 'committed', revision: batch.revision })
    writing.push(true)
  }
  const txn = toTxn(layout, replica, ops, batches, isFenced, turn)
  return { outcomes, writing, batches, txn, mod: replica.mod, turn, resets: replica.resets }
}

/** The state as it is when the commits so far have landed. */
class Overlay implements Present {
  readonly #replica: Replica
  readonly #changed = new Map<Key, StoreRevision>()
  #epoch: Epoch
  revision: StoreRevision

  constructor(replica: Replica) {
    this.#replica = replica
    this.#epoch = replica.epoch()
    this.revision = replica.revision
  }

  epoch(): Epoch {
    return this.#epoch
  }

  revisionOf(key: Key): StoreRevision {
    return this.#changed.get(key) ?? this.#replica.revisionOf(key)
  }

  isDisjoint(batch: ChangeBatch): boolean {
    return batch.changes.every(({ key }) => !this.#changed.has(key))
  }

  take({ revision, changes }: ChangeBatch): void {
    this.revision = revision
    for (const { key, value } of changes) {
      this.#changed.set(key, value === null ? 0 : revision)
      if (key !== LEADERSHIP_KEY) continue
      this.#epoch = value !== null && 'epoch' in value && typeof value.epoch === 'number' ? value.epoch : 0
    }
  }
}

/** Only the last change of each object, and no deletion of what is not there: all that etcd will tell, too. */
function lastOfEach(batch: ChangeBatch, present: Present): ChangeBatch {
  const last = new Map(batch.changes.map((change) => [change.key, change]))
  const changes = batch.changes.filter(
    (change) => last.get(change.key) === change && (change.value !== null || present.revisionOf(change.key) !== 0),
  )
  return { revision: batch.revision, changes }
}

function toOps(layout: Layout, batch: ChangeBatch, commit: Commit, texts: readonly string[]): Op[] {
  const textOf = new Map<unknown, string>()
  commit.writes.forEach((write, index) => {
    if ('put' in write) textOf.set(write.value, texts[index] ?? '')
  })
  return batch.changes.map(({ key, value }) => {
    if (value === null) return { kind: 'delete', key: layout.keyOf(key) }
    const json = textOf.get(value) ?? JSON.stringify(value)
    return { kind: 'put', key: layout.keyOf(key), value: encodeObject(json, batch.revision) }
  })
}

function toTxn(
  layout: Layout,
  replica: Replica,
  ops: readonly Op[],
  batches: readonly ChangeBatch[],
  isFenced: boolean,
  turn: number,
): TxnRequest {
  const compare: Compare[] = [{ key: layout.head, target: 'mod', revision: replica.mod }]
  if (isFenced) {
    compare.push({ key: layout.keyOf(LEADERSHIP_KEY), target: 'mod', revision: replica.leadershipMod })
  }
  const look: Op = { kind: 'range', range: { key: layout.head, keysOnly: true } }
  const newest = batches.at(-1)
  // With no operation at all etcd would answer from what one member knows.
  if (newest === undefined) return { compare, success: [look], failure: [look] }
  const deleted: Record<string, StoreRevision> = {}
  for (const { revision, changes } of batches) {
    for (const { key, value } of changes) if (value === null) deleted[key] = revision
  }
  const head = encodeHead({
    format: FORMAT_VERSION,
    store: replica.store,
    revision: newest.revision,
    first: replica.revision + 1,
    writer: replica.writer,
    turn,
    deleted,
  })
  return { compare, success: [{ kind: 'put', key: layout.head, value: head }, ...nest(ops)], failure: [look] }
}

function nest(ops: readonly Op[]): readonly Op[] {
  if (ops.length <= FLAT_OPS) return ops
  invariant(ops.length <= MAX_OPS, `a commit of ${ops.length} writes and events, more than ${MAX_OPS}`)
  const parts: Op[] = []
  for (let from = 0; from < ops.length; from += NESTED_OPS) {
    parts.push({ kind: 'txn', txn: { compare: [], success: ops.slice(from, from + NESTED_OPS), failure: [] } })
  }
  return parts
}
