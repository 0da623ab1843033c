import type { Event } from '../core/model/event.ts'
import type { Epoch, StoreRevision } from '../core/model/ids.ts'
import type { Key } from '../core/model/objects.ts'
import { keyOf } from '../core/model/objects.ts'
import { invariant } from '../lib/assert.ts'
import type { ChangeBatch, Commit, CommitOutcome } from '../ports/store.ts'
import { MAX_WRITES } from '../ports/store.ts'

/** What a backend must answer about its present state to have a commit judged. */
export interface Present {
  /** Epoch of the leadership object; 0 while there is none. */
  epoch(): Epoch
  /** Revision of an object; 0 when it is absent. */
  revisionOf(key: Key): StoreRevision
}

/**
 * Decides whether a commit may be written, so that every backend decides alike: null means that it may. The fence
 * comes first, because a writer whose time is over has no use for the news that its view was old.
 */
export function judgeCommit(commit: Commit, present: Present): CommitOutcome | null {
  if (commit.epoch !== null) {
    const epoch = present.epoch()
    if (commit.epoch !== epoch) return { kind: 'fenced', epoch }
  }
  const keys = commit.expect.filter(({ key, revision }) => present.revisionOf(key) !== revision).map(({ key }) => key)
  return keys.length === 0 ? null : { kind: 'conflict', keys }
}

/** Stops a commit that no backend has to take. */
export function requireBounded(commit: Commit): void {
  invariant(commit.writes.length <= MAX_WRITES, `a commit of ${commit.writes.length} writes, more than ${MAX_WRITES}`)
}

/** Whether there is anything to write; a commit that only asks does not make a new revision. */
export function writesNothing(commit: Commit): boolean {
  return commit.writes.length === 0 && commit.events.length === 0
}

/** All that a commit changes when it is written as this revision: its writes in order, then its events. */
export function toBatch(commit: Commit, revision: StoreRevision): ChangeBatch {
  const changes: ChangeBatch['changes'][number][] = commit.writes.map((write) =>
    'put' in write ? { key: write.put, value: write.value } : { key: write.delete, value: null },
  )
  commit.events.forEach((draft, index) => {
    const event: Event = { ...draft, id: eventId(revision, index) }
    changes.push({ key: keyOf('event', event.id), value: event })
  })
  return { revision, changes }
}

/** Sorts as text in the order of happening: 16 digits hold every safe integer. */
export function eventId(revision: StoreRevision, index: number): string {
  return `${String(revision).padStart(16, '0')}.${String(index).padStart(3, '0')}`
}
