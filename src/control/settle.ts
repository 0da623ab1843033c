import { OperationalError } from '../core/errors.ts'
import type { EventDraft } from '../core/model/event.ts'
import { CLUSTER_KEY } from '../core/model/objects.ts'
import { type AcceptDeps, commitOnce } from './accept-change.ts'
import type { Caller } from './api.ts'

/**
 * A user says that the state that was put back is the one to go by: what agents run and it does not know is removed from
 * now on. False: there is nothing to settle. Throws CONFLICT when somebody changed the cluster at the same time.
 */
export async function settle(caller: Caller, deps: AcceptDeps): Promise<boolean> {
  const held = deps.world.mirror.get(CLUSTER_KEY)
  if (held === null || held.value.keepsUnknown !== true) return false
  const { keepsUnknown: _, ...value } = held.value
  const event: EventDraft = {
    kind: 'cluster.settled',
    object: CLUSTER_KEY,
    service: null,
    message: 'the state that was put back is the one to go by: tasks that it does not know are removed',
    by: caller.by,
    at: deps.clock.now(),
  }
  const expect = [{ key: CLUSTER_KEY, revision: held.revision }]
  const commit = { epoch: null, expect, writes: [{ put: CLUSTER_KEY, value }], events: [event] }
  if ((await commitOnce(commit, deps)) !== null) return true
  throw new OperationalError('CONFLICT', 'cannot settle the cluster: somebody else has just changed it')
}
