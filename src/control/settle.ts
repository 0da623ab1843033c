import { OperationalError } from '../core/errors.ts'
import type { Cluster } from '../core/model/cluster.ts'
import type { EventDraft } from '../core/model/event.ts'
import type { Millis, NodeId } from '../core/model/ids.ts'
import { CLUSTER_KEY } from '../core/model/objects.ts'
import { type AcceptDeps, commitOnce } from './accept-change.ts'
import type { Caller } from './api.ts'
import { commitPart, type PassDeps } from './pass.ts'

/**
 * A user says that the state that was put back is the one to go by: what agents run and it does not know is removed from
 * now on. False: there is nothing to settle. Throws CONFLICT when somebody changed the cluster at the same time.
 */
export async function settle(caller: Caller, deps: AcceptDeps): Promise<boolean> {
  const held = deps.world.mirror.get(CLUSTER_KEY)
  if (held === null || held.value.keepsUnknown !== true) return false
  const { keepsUnknown: _, ...rest } = held.value
  const nodes = deps.world.nodes().map(({ id }) => id)
  const value: Cluster = nodes.length === 0 ? rest : { ...rest, settling: nodes }
  const message = 'the state that was put back is the one to go by: tasks that it does not know are removed'
  const event = settled(message, caller.by, deps.clock.now())
  const expect = [{ key: CLUSTER_KEY, revision: held.revision }]
  const commit = { epoch: null, expect, writes: [{ put: CLUSTER_KEY, value }], events: [event] }
  if ((await commitOnce(commit, deps)) !== null) return true
  throw new OperationalError('CONFLICT', 'cannot settle the cluster: somebody else has just changed it')
}

/** Notes which nodes run nothing any more that a settled state does not know: what must never run twice waits for all of them. */
export async function noteSettled(deps: PassDeps, hasSettled: (node: NodeId) => boolean): Promise<Millis | null> {
  const cluster = deps.world.mirror.get(CLUSTER_KEY)?.value
  if (cluster?.settling === undefined) return null
  const { settling, ...rest } = cluster
  const known = new Set(deps.world.nodes().map(({ id }) => id))
  const left = settling.filter((node) => known.has(node) && !hasSettled(node))
  if (left.length === settling.length) return null
  const value: Cluster = left.length === 0 ? rest : { ...rest, settling: left }
  const message =
    left.length === 0
      ? 'what the settled state does not know is gone'
      : `${left.length === 1 ? '1 node is' : `${left.length} nodes are`} still settling`
  const event = settled(message, 'control', deps.clock.now())
  return commitPart(deps, [], [{ writes: [{ put: CLUSTER_KEY, value }], events: [event] }], null)
}

function settled(message: string, by: string, at: Millis): EventDraft {
  return { kind: 'cluster.settled', object: CLUSTER_KEY, service: null, message, by, at }
}
