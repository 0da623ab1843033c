import { OperationalError } from '../../core/errors.ts'
import type { Epoch, StoreRevision } from '../../core/model/ids.ts'
import type { Key, ObjectTypes } from '../../core/model/objects.ts'
import { LEADERSHIP_KEY } from '../../core/model/objects.ts'
import { invariant } from '../../lib/assert.ts'
import type { ChangeBatch, Commit, CommitOutcome } from '../../ports/store.ts'
import type { Present } from '../judge-commit.ts'
import { judgeCommit, toBatch, writesNothing } from '../judge-commit.ts'
import type { Layout, LoggedChange } from './format.ts'
import { encodeEntry, encodeHead, encodeObject } from './format.ts'
import type { Step } from './protocol.ts'
import { ANY_VERSION } from './protocol.ts'
import type { View } from './view.ts'

/** ZooKeeper takes 1,048,575 bytes in one request, unless its `jute.maxbuffer` says otherwise. */
const MAX_COMMIT_BYTES = 1_000_000
const MAX_GROUP_BYTES = 950_000
const MAX_GROUP = 128
/** Values of larger commits are not sent a second time, for the log. */
const MAX_LOGGED_BYTES = 400_000
/** Around each value: lengths, rights, revision, the part of the path that is the same for all. */
const STEP_BYTES = 150

/** A commit with the text of its values, made before it meets others, so that a value without one harms nobody else. */
export interface PreparedCommit {
  readonly commit: Commit
  /** One per write; null for a delete. */
  readonly texts: readonly (string | null)[]
  /** Of the request that would write it alone, if its values were sent once. */
  readonly bytes: number
}

/** One transaction with the outcomes of all its commits, in their order, and the batches that it amounts to. */
export interface Group {
  readonly steps: readonly Step[]
  readonly outcomes: readonly CommitOutcome[]
  readonly batches: readonly ChangeBatch[]
  /** Bytes of the log entries. */
  readonly loggedBytes: number
}

/** Throws LIMIT_EXCEEDED for a commit that no ZooKeeper takes. */
export function prepareCommit(commit: Commit, layout: Layout): PreparedCommit {
  const texts = commit.writes.map((write) => ('put' in write ? JSON.stringify(write.value) : null))
  const sizes = commit.writes.map((write, index) => {
    const path = layout.object('put' in write ? write.put : write.delete)
    return STEP_BYTES + 2 * path.length + Buffer.byteLength(texts[index] ?? '')
  })
  const events = commit.events.map((draft) => 2 * STEP_BYTES + Buffer.byteLength(JSON.stringify(draft)))
  const bytes = [...sizes, ...events].reduce((sum, size) => sum + size, 3 * STEP_BYTES)
  if (bytes > MAX_COMMIT_BYTES) {
    const most = `${bytes} bytes, and ZooKeeper takes ${MAX_COMMIT_BYTES}`
    throw new OperationalError('LIMIT_EXCEEDED', `cannot write to the store: the change amounts to ${most}`)
  }
  return { commit, texts, bytes }
}

/** How many of those who wait fit into one transaction: one at least. */
export function groupSize(waiting: readonly PreparedCommit[]): number {
  let bytes = 0
  const first = waiting.slice(0, MAX_GROUP)
  const tooMany = first.findIndex((prepared, index) => {
    bytes += isLoggedWhole(prepared) ? 2 * prepared.bytes : prepared.bytes
    return index > 0 && bytes > MAX_GROUP_BYTES
  })
  return tooMany === -1 ? first.length : tooMany
}

/**
 * The one transaction that writes the commits, each judged after those before it took effect. Its first step says which
 * head it was drafted against: if that is no longer so nothing lands, and no outcome counts. Even a group that writes
 * nothing asks for that, or its verdicts could come from an old view.
 */
export function draftGroup(view: View, commits: readonly PreparedCommit[], layout: Layout): Group {
  const draft = new Draft(view)
  const outcomes: CommitOutcome[] = []
  const batches: ChangeBatch[] = []
  const log: Step[] = []
  for (const prepared of commits) {
    const refused = judgeCommit(prepared.commit, draft)
    if (refused === null && !writesNothing(prepared.commit)) {
      const { batch, changes } = draft.take(prepared)
      batches.push(batch)
      const data = encodeEntry(changes, isLoggedWhole(prepared))
      log.push({ kind: 'create', path: layout.entry(batch.revision), data })
    }
    outcomes.push(refused ?? { kind: 'committed', revision: draft.revision })
  }
  const head = { path: layout.head, version: view.headVersion }
  const loggedBytes = log.reduce((sum, step) => sum + (step.kind === 'create' ? step.data.length : 0), 0)
  if (batches.length === 0) return { steps: [{ kind: 'check', ...head }], outcomes, batches, loggedBytes }
  const data = encodeHead({ storeId: view.storeId, revision: draft.revision })
  return { steps: [{ kind: 'set', ...head, data }, ...draft.steps(layout), ...log], outcomes, batches, loggedBytes }
}

function isLoggedWhole({ bytes }: PreparedCommit): boolean {
  return bytes <= MAX_LOGGED_BYTES
}

interface Drafted {
  readonly text: string | null
  readonly revision: StoreRevision
}

/** The view as it would be after the commits that were taken so far. */
class Draft implements Present {
  readonly #view: View
  readonly #drafted = new Map<Key, Drafted>()
  #epoch: Epoch
  #revision: StoreRevision

  constructor(view: View) {
    this.#view = view
    this.#epoch = view.epoch()
    this.#revision = view.revision
  }

  get revision(): StoreRevision {
    return this.#revision
  }

  epoch(): Epoch {
    return this.#epoch
  }

  revisionOf(key: Key): StoreRevision {
    const drafted = this.#drafted.get(key)
    if (drafted === undefined) return this.#view.revisionOf(key)
    return drafted.text === null ? 0 : drafted.revision
  }

  take({ commit, texts }: PreparedCommit): { readonly batch: ChangeBatch; readonly changes: readonly LoggedChange[] } {
    this.#revision++
    const revision = this.#revision
    const batch = toBatch(commit, revision)
    const changes = batch.changes.map(({ key, value }, index) => {
      const text = index < texts.length ? (texts[index] ?? null) : JSON.stringify(value)
      this.#drafted.set(key, { text, revision })
      if (key === LEADERSHIP_KEY) this.#epoch = (value as ObjectTypes['leadership'] | null)?.epoch ?? 0
      return { key, text }
    })
    return { batch, changes }
  }

  /** What makes the stored objects so: of several writes to one, only the last. */
  steps(layout: Layout): Step[] {
    const kinds = new Set<string>()
    const steps: Step[] = []
    for (const [key, { text, revision }] of this.#drafted) {
      const path = layout.object(key)
      const isThere = this.#view.revisionOf(key) > 0
      if (text === null) {
        if (isThere) steps.push({ kind: 'delete', path })
        continue
      }
      const data = encodeObject(revision, text)
      if (isThere) steps.push({ kind: 'set', path, data, version: ANY_VERSION })
      else steps.push({ kind: 'create', path, data })
      const kind = key.slice(0, key.indexOf('/'))
      if (!this.#view.hasKind(kind)) kinds.add(kind)
    }
    invariant(this.#revision > this.#view.revision, 'a draft that writes has a revision of its own')
    const parents = [...kinds].map((kind): Step => ({ kind: 'create', path: layout.kind(kind), data: Buffer.alloc(0) }))
    return [...parents, ...steps]
  }
}
