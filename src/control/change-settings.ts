import { OperationalError } from '../core/errors.ts'
import { CLUSTER_KEY } from '../core/model/objects.ts'
import { changeSetting } from '../core/settings/settings.ts'
import { type AcceptDeps, commitOnce } from './accept-change.ts'
import type { Caller } from './api.ts'

const TRIES = 5

/** Changes a setting of the whole cluster. One that is so already is left alone. */
export async function setSetting(key: string, value: string, caller: Caller, deps: AcceptDeps): Promise<void> {
  const { world, clock } = deps
  for (let tries = 1; tries <= TRIES; tries++) {
    const held = world.mirror.get(CLUSTER_KEY)
    if (held === null) throw new OperationalError('UNAVAILABLE', 'the cluster is not known yet')
    const changed = changeSetting(held.value, key, value)
    if (JSON.stringify(changed) === JSON.stringify(held.value)) return
    const event = {
      kind: 'cluster.changed',
      object: CLUSTER_KEY,
      service: null,
      message: `${key} became ${value}`,
      by: caller.by,
      at: clock.now(),
    } as const
    const expect = [{ key: CLUSTER_KEY, revision: held.revision }]
    const commit = { epoch: null, expect, writes: [{ put: CLUSTER_KEY, value: changed }], events: [event] }
    if ((await commitOnce(commit, deps)) !== null) return
  }
  throw new OperationalError('CONFLICT', `${key} was changed by somebody else at the same time`)
}
