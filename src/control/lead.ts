import { OperationalError } from '../core/errors.ts'
import type { Cluster } from '../core/model/cluster.ts'
import type { EventDraft } from '../core/model/event.ts'
import type { Epoch } from '../core/model/ids.ts'
import { CLUSTER_KEY, LEADERSHIP_KEY } from '../core/model/objects.ts'
import { type Clock, sleep } from '../ports/clock.ts'
import type { Store, Write } from '../ports/store.ts'
import type { Mirror } from '../store/mirror.ts'

export interface LeadDeps {
  readonly store: Store
  readonly mirror: Mirror
  readonly clock: Clock
  readonly holder: string
  readonly address: string | null
  /** The cluster object to create when the store holds none. */
  readonly newCluster: () => Cluster
  /** Take over from the leader of this epoch, and from nobody else; null: whoever leads. */
  readonly after: Epoch | null
}

const AGAIN_MS = 100
/** A store whose own leader is lost is back within a second or two. */
const UNAVAILABLE_PAUSE_MS = 50

/**
 * Takes the next epoch: the holder of the lease raises the number that it read, guarded, so that of two who try one
 * succeeds. From the commit on every write of an older leader is refused. Null: somebody else took over before. While the store
 * does not answer, one that takes over tries again and again.
 */
export async function takeEpoch(deps: LeadDeps, signal: AbortSignal): Promise<Epoch | null> {
  const { store, mirror, clock, after } = deps
  for (;;) {
    signal.throwIfAborted()
    requirePresent(mirror)
    const held = mirror.get(LEADERSHIP_KEY)
    if (after !== null && held?.value.epoch !== after && held?.value.holder !== deps.holder) return null
    const epoch = (held?.value.epoch ?? 0) + 1
    const now = clock.now()
    const writes: Write[] = [
      { put: LEADERSHIP_KEY, value: { epoch, holder: deps.holder, address: deps.address, since: now } },
    ]
    const events: EventDraft[] = [
      event('leader.elected', 'leadership/self', `${deps.holder} leads, epoch ${epoch}`, deps, now),
    ]
    const expect: { key: typeof LEADERSHIP_KEY | typeof CLUSTER_KEY; revision: number }[] = [
      { key: LEADERSHIP_KEY, revision: held?.revision ?? 0 },
    ]
    if (mirror.get(CLUSTER_KEY) === null) {
      const cluster = deps.newCluster()
      expect.push({ key: CLUSTER_KEY, revision: 0 })
      writes.push({ put: CLUSTER_KEY, value: cluster })
      events.push(
        event('cluster.created', 'cluster/self', `cluster ${cluster.name} (${cluster.id}) was created`, deps, now),
      )
    }
    const outcome = await store.commit({ epoch: null, expect, writes, events }).catch((error: unknown) => {
      if (after !== null && error instanceof OperationalError && error.code === 'UNAVAILABLE') return null
      throw error
    })
    if (outcome?.kind === 'committed') {
      await mirror.waitFor(outcome.revision)
      return epoch
    }
    // Conflict: somebody was quicker. Unknown: the pause lets the mirror show whether it was ours; a lost one is raised again.
    await sleep(clock, outcome === null ? UNAVAILABLE_PAUSE_MS : AGAIN_MS, signal)
  }
}

/** Throws STORE_MOVED when the state has another home: two clusters must not come out of one. */
export function requirePresent(mirror: Mirror): void {
  const move = mirror.get(CLUSTER_KEY)?.value.movedTo
  if (move === undefined) return
  throw new OperationalError('STORE_MOVED', `this state has moved to ${move.to}, as incarnation ${move.incarnation}`, {
    hint: 'start with that store; if the move was cut off, the same `gantry store move` again finishes it',
  })
}

function event(kind: EventDraft['kind'], object: string, message: string, deps: LeadDeps, at: number): EventDraft {
  return { kind, object, service: null, message, by: deps.holder, at }
}
