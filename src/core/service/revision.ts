import type { Millis } from '../model/ids.ts'
import type { ManifestRevision } from '../model/manifest.ts'
import type { Node } from '../model/node.ts'
import type { ServiceSpec } from '../model/service.ts'
import { endOf, isAlive, type Task } from '../model/task.ts'
import { endedAs, retryVerdict } from './restart.ts'
import { lastAttempt, type SlotTasks, sortSlots, wantedSlots } from './slots.ts'

/** A task that no node can take is given this long, since capacity may be on its way (another task is still stopping). */
const REFUSAL_GRACE_MS: Millis = 10_000
/** A revision that is still not reached by then will need a human. */
const DEADLINE_MS: Millis = 600_000

/** A port is another one next time; an engine that was killed in the middle of a start refuses the leftovers of that. */
const MENDING_TRIES = 4
/** A registry that says no means it; asking once more costs little. */
const IMAGE_TRIES = 2

interface JudgedService {
  readonly spec: ServiceSpec
  readonly specHash: string
  readonly tasks: readonly Task[]
  /** See ServiceRecord. */
  readonly retryAt: Millis | null
}

export interface RevisionInput {
  readonly revision: ManifestRevision
  /** Since when whoever judges knows of it, by his clock: that of who accepted it may be another. */
  readonly seenSince: Millis
  /** Every service of the revision with its spec hash and all of its tasks. */
  readonly services: readonly JudgedService[]
  /** Tasks of services that are no longer wanted and have not ended. */
  readonly leftovers: number
  readonly nodes: readonly Node[]
}

export type RevisionVerdict =
  | { readonly kind: 'applied' }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'progressing'; readonly wakeAt: Millis }

/** Decides whether a manifest revision is reached, or will not be. */
export function judgeRevision(input: RevisionInput, now: Millis): RevisionVerdict {
  const { seenSince } = input
  const { createdAt } = input.revision
  const hindrances: string[] = []
  let waiting = input.leftovers > 0
  let unplaceable = ''

  for (const service of input.services) {
    const slots = sortSlots(service.tasks, service.specHash)
    const wanted = wantedSlots(service.spec, input.nodes)
    for (const slot of wanted) {
      const inSlot = slots.get(slot)
      const fresh = inSlot?.current[0]
      const settled = inSlot !== undefined && inSlot.outdated.length + inSlot.stopping.length === 0
      const left = inSlot !== undefined && fresh === undefined ? leftEnd(inSlot, service) : null
      if (settled && (fresh?.status.ready || isAsWanted(left))) continue
      const failed = left === null ? failureSince(createdAt, service.specHash, inSlot?.ended ?? []) : leftSentence(left)
      if (failed !== null) hindrances.push(failed)
      else if (fresh?.refusal != null) unplaceable ||= `${fresh.id} has no node: ${fresh.refusal}`
      else waiting = true
    }
    for (const [slot, { current, outdated, stopping }] of slots) {
      if (!wanted.includes(slot) && current.length + outdated.length + stopping.length > 0) waiting = true
    }
  }
  if (hindrances[0] !== undefined) return { kind: 'failed', message: hindrances[0] }
  const graceIsOver = now >= seenSince + REFUSAL_GRACE_MS
  if (unplaceable !== '' && !waiting && graceIsOver) return { kind: 'failed', message: unplaceable }
  if (unplaceable === '' && !waiting) return { kind: 'applied' }
  if (now >= seenSince + DEADLINE_MS)
    return { kind: 'failed', message: unplaceable || 'it was not reached within ten minutes' }
  return {
    kind: 'progressing',
    wakeAt: seenSince + (graceIsOver ? DEADLINE_MS : REFUSAL_GRACE_MS),
  }
}

/** The attempt after which nothing fills the slot again; null: there will be another, or was none of this spec. */
function leftEnd(slot: SlotTasks, { spec, specHash, retryAt }: JudgedService): Task | null {
  const last = lastAttempt(slot, specHash)
  if (last === null) return null
  return retryVerdict(spec, last, retryAt, Number.MAX_SAFE_INTEGER).kind === 'leave' ? last : null
}

/** Its work is done, or the user emptied the slot himself. */
function isAsWanted(left: Task | null): boolean {
  return left !== null && (left.status.state === 'completed' || left.stoppedByUser)
}

/** Why the slot will not be what the revision says; null: its work is done, only its predecessor is still there. */
function leftSentence(left: Task): string | null {
  return left.status.state === 'completed' ? null : endedSentence(left)
}

function endedSentence(task: Task): string {
  return `${task.id} ${endedAs(task)}`
}

/** The newest attempt since then that ended in a way that an apply must not call a success. */
function failureSince(since: Millis, specHash: string, ended: readonly Task[]): string | null {
  const newest = ended[0]
  if (newest === undefined || newest.specHash !== specHash || isAlive(newest)) return null
  if (endOf(newest) < since) return null
  // What may mend by itself is tried again before anybody calls it a failure.
  if (newest.status.failures < triesFor(newest)) return null
  const failed = newest.status.state === 'failed' || newest.status.state === 'rejected'
  return failed ? endedSentence(newest) : null
}

/** How many failures in a row of this kind are a verdict. */
function triesFor({ status }: Task): number {
  if (status.failure === 'image') return IMAGE_TRIES
  return status.state === 'rejected' || status.failure === 'runtime' ? MENDING_TRIES : 0
}
