import { OperationalError } from '../core/errors.ts'
import { CLUSTER_KEY, keyOf } from '../core/model/objects.ts'
import type { ServerView } from '../core/model/view.ts'
import type { Log } from '../ports/log.ts'
import type { StoreMembers } from '../ports/store-members.ts'
import { type AcceptDeps, commitOnce } from './accept-change.ts'
import type { Caller } from './api.ts'

/** Takes a server out of the store that the servers keep, and records it. Throws as `StoreMembers.remove` does, and UNSUPPORTED. */
export async function removeServer(
  word: string,
  caller: Caller,
  deps: AcceptDeps & { readonly storeMembers: StoreMembers | null; readonly log: Log },
): Promise<ServerView> {
  const { storeMembers, clock, log, world } = deps
  if (storeMembers === null) {
    throw new OperationalError('UNSUPPORTED', 'servers of this cluster do not keep the store themselves', {
      hint: 'to take a machine out of the cluster, use `gantry node rm`',
    })
  }
  const removed = await storeMembers.remove(word)
  const message = `server ${removed.name || removed.address} was taken out of the store`
  // What it said of itself would stand in the way of an upgrade for ever.
  const record = world.mirror.get(keyOf('server', removed.name))
  const object = record?.key ?? CLUSTER_KEY
  const events = [{ kind: 'server.removed', object, service: null, message, by: caller.by, at: clock.now() } as const]
  const expect = record === null ? [] : [{ key: record.key, revision: record.revision }]
  const writes = record === null ? [] : [{ delete: record.key }]
  try {
    await commitOnce({ epoch: null, expect, writes, events }, deps)
  } catch (error) {
    // It has happened all the same; a server that took itself out cannot write any more.
    if (!(error instanceof OperationalError)) throw error
    log.warn('a server was taken out, and that could not be recorded', { server: removed.name, reason: error.message })
  }
  return removed
}
