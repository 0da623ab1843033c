import { OperationalError } from '../core/errors.ts'
import type { EventDraft } from '../core/model/event.ts'
import { CLUSTER_KEY, type Key, keyOf, LEADERSHIP_KEY } from '../core/model/objects.ts'
import type { Plan, UpgradeChange } from '../core/model/plan.ts'
import { planUpgrade } from '../core/upgrade/plan-upgrade.ts'
import { invariant } from '../lib/assert.ts'
import { contentHash } from '../lib/canonical-json.ts'
import type { Write } from '../ports/store.ts'
import { type AcceptDeps, commitOnce, earlierAnswer } from './accept-change.ts'
import type { Accepted, Caller } from './api.ts'
import type { World } from './world.ts'

const TRIES = 3

/** In which order the machines of this cluster get a version, or what follows when all have it. */
export function planOfUpgrade(change: UpgradeChange, world: World): Plan {
  const cluster = world.mirror.get(CLUSTER_KEY)?.value
  const leadership = world.mirror.get(LEADERSHIP_KEY)?.value
  invariant(cluster !== undefined && leadership !== undefined, 'a server that plans has a cluster')
  return planUpgrade({
    cluster,
    desiredRevision: world.desired,
    change,
    servers: [...world.mirror.list('server')].map(({ value }) => value),
    leader: leadership.holder,
    nodes: world.nodes(),
    tasks: world.tasks(),
  })
}

/** Raises the level of the cluster, guarded by what every server said of itself: one that starts meanwhile is seen. */
export async function acceptUpgrade(
  change: UpgradeChange,
  checkPlan: (now: Plan) => void,
  caller: Caller,
  deps: AcceptDeps,
): Promise<Accepted> {
  const { world, clock } = deps
  const requestHash = contentHash(change)
  for (let tries = 1; ; tries++) {
    const plan = planOfUpgrade(change, world)
    if (earlierAnswer(caller, requestHash, deps) !== null) return { revision: null, plan }
    checkPlan(plan)
    if (plan.level === null) return { revision: null, plan }
    const cluster = world.mirror.get(CLUSTER_KEY)
    invariant(cluster !== null, 'a server that leads has a cluster')
    const { from, to } = plan.level
    const message = `the cluster is at level ${to} now, it was at ${from}: every machine runs ${change.version}`
    const event: EventDraft = {
      ...{ kind: 'cluster.upgraded', object: CLUSTER_KEY, service: null, message },
      ...{ by: caller.by, at: clock.now() },
    }
    const writes: Write[] = [{ put: CLUSTER_KEY, value: { ...cluster.value, level: to } }]
    const expect: { key: Key; revision: number }[] = [
      { key: CLUSTER_KEY, revision: cluster.revision },
      ...[...world.mirror.list('server')].map(({ key, revision }) => ({ key, revision })),
    ]
    if (caller.idempotencyKey !== null) {
      const key = keyOf('idempotency', caller.idempotencyKey)
      writes.push({ put: key, value: { requestHash, status: 202, body: { revision: null }, at: clock.now() } })
      expect.push({ key, revision: 0 })
    }
    if ((await commitOnce({ epoch: null, expect, writes, events: [event] }, deps)) !== null)
      return { revision: null, plan }
    if (tries >= TRIES) throw new OperationalError('CONFLICT', 'the servers changed at the same time')
  }
}
