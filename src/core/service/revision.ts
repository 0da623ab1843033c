import type { Millis } from '../model/ids.ts'
import type { ManifestRevision } from '../model/manifest.ts'
import type { Node } from '../model/node.ts'
import type { ServiceSpec } from '../model/service.ts'
import { isAlive, type Task } from '../model/task.ts'
import { endedAs } from './restart.ts'
import { sortSlots, wantedSlots } from './slots.ts'

/** A task that no node can take is given this long, since capacity may be on its way (another task is still stopping). */
const REFUSAL_GRACE_MS: Millis = 10_000
/** A revision that is still not reached by then will need a human. */
const DEADLINE_MS: Millis = 600_000

const PORT_TRIES = 4

export interface RevisionInput {
  readonly revision: ManifestRevision
  /** Every service of the revision with its spec hash and all of its tasks. */
  readonly services: readonly {
    readonly spec: ServiceSpec
    readonly specHash: string
    readonly tasks: readonly Task[]
  }[]
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
      const ended = inSlot?.ended[0]
      const done = ended?.specHash === service.specHash && ended.status.state === 'completed'
      const settled = inSlot !== undefined && inSlot.outdated.length + inSlot.stopping.length === 0
      if (settled && (fresh?.status.ready || (fresh === undefined && done))) continue
      const failed = failureSince(createdAt, service.specHash, inSlot?.ended ?? [])
      if (failed !== null) hindrances.push(failed)
      else if (fresh?.refusal != null) unplaceable ||= `${fresh.id} has no node: ${fresh.refusal}`
      else waiting = true
    }
    for (const [slot, { current, outdated, stopping }] of slots) {
      if (!wanted.includes(slot) && current.length + outdated.length + stopping.length > 0) waiting = true
    }
  }
  if (hindrances[0] !== undefined) return { kind: 'failed', message: hindrances[0] }
  if (unplaceable !== '' && !waiting && now >= createdAt + REFUSAL_GRACE_MS)
    return { kind: 'failed', message: unplaceable }
  if (unplaceable === '' && !waiting) return { kind: 'applied' }
  if (now >= createdAt + DEADLINE_MS)
    return { kind: 'failed', message: unplaceable || 'it was not reached within ten minutes' }
  return {
    kind: 'progressing',
    wakeAt: createdAt + (now < createdAt + REFUSAL_GRACE_MS ? REFUSAL_GRACE_MS : DEADLINE_MS),
  }
}

/** The newest attempt since then that ended in a way that an apply must not call a success. */
function failureSince(since: Millis, specHash: string, ended: readonly Task[]): string | null {
  const newest = ended[0]
  if (newest === undefined || newest.specHash !== specHash || isAlive(newest)) return null
  if ((newest.status.finishedAt ?? 0) < since) return null
  // The next attempt gets another free port, unless the port is a fixed one and keeps being taken.
  if (newest.status.failure === 'port' && newest.status.failures < PORT_TRIES) return null
  const failed = newest.status.state === 'failed' || newest.status.state === 'rejected'
  return failed ? `${newest.id} ${endedAs(newest)}` : null
}
