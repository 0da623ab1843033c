import { OperationalError } from '../core/errors.ts'
import type { EventDraft } from '../core/model/event.ts'
import type { Epoch, Millis } from '../core/model/ids.ts'
import type { Key } from '../core/model/objects.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import { MAX_WRITES, type Store, type Write } from '../ports/store.ts'
import type { World } from './world.ts'

/** What a pass of the leader works with. */
export interface PassDeps {
  readonly store: Store
  readonly world: World
  readonly clock: Clock
  readonly log: Log
  readonly epoch: Epoch
  /** The highest level of forms that this server knows. */
  readonly level: number
}

/** What a pass decided. */
export interface Decision {
  /** Objects whose present revision the decision rests on, beside those it writes. */
  readonly basis: readonly Key[]
  readonly writes: readonly Write[]
  readonly events: readonly EventDraft[]
}

/**
 * Commits what a pass decided, under the leader's epoch and only if nothing it rests on has changed. True: it is
 * visible in the world now. False: nothing of it may be assumed; the next pass reads and decides again.
 */
export async function commitDecision(deps: PassDeps, decision: Decision): Promise<boolean> {
  const { world, store, epoch } = deps
  const keys = new Set<Key>([
    ...decision.basis,
    ...decision.writes.map((write) => ('put' in write ? write.put : write.delete)),
  ])
  const expect = [...keys].map((key) => ({ key, revision: world.mirror.get(key)?.revision ?? 0 }))
  const outcome = await store.commit({ epoch, expect, writes: decision.writes, events: decision.events })
  switch (outcome.kind) {
    case 'committed':
      await world.mirror.waitFor(outcome.revision)
      return true
    case 'conflict':
      return false
    case 'unknown':
      deps.log.warn('outcome of a commit is unknown', { cause: String(outcome.cause) })
      return false
    case 'fenced':
      throw new OperationalError('STALE_EPOCH', `epoch ${outcome.epoch} reigns, this leader's was ${epoch}`)
  }
}

/** A pause before a decision that did not land is taken anew: long enough for the news that overtook it. */
const AGAIN_MS: Millis = 20

/**
 * Commits as much of a long decision as one commit takes. Returns when the pass must run again: at once when something
 * is left, soon when it did not land, else at `wakeAt`.
 */
export async function commitPart(
  deps: PassDeps,
  basis: readonly Key[],
  steps: readonly { readonly writes: readonly Write[]; readonly events: readonly EventDraft[] }[],
  wakeAt: Millis | null,
): Promise<Millis | null> {
  if (steps.length === 0) return wakeAt
  const writes: Write[] = []
  const events: EventDraft[] = []
  let taken = 0
  for (const step of steps) {
    if (writes.length + step.writes.length > MAX_WRITES) break
    writes.push(...step.writes)
    events.push(...step.events)
    taken += 1
  }
  const landed = await commitDecision(deps, { basis, writes, events })
  if (!landed) return deps.clock.now() + AGAIN_MS
  return taken < steps.length ? deps.clock.now() : wakeAt
}
