import type { Millis } from '../core/model/ids.ts'
import { type Key, keyOf } from '../core/model/objects.ts'
import { commitPart, type PassDeps } from './pass.ts'
import type { World } from './world.ts'

/** Manifest revisions that are kept; the desired and the last applied one always are. */
const KEPT_REVISIONS = 50
/** A stage that no apply has finished by then belongs to a server that died over it. */
const STAGE_AGE_MS: Millis = 600_000
const KEPT_EVENTS = 10_000
/** Events are forgotten many at a time, so that not every commit brings another one with it. */
const EVENT_SLACK = 500
/** A client that repeats a request does so within minutes; a day is plenty. */
const KEPT_ANSWERS_MS: Millis = 86_400_000

/** Forgets what nobody needs any more: old revisions, stages without an apply, old events and answers. */
export function collect(deps: PassDeps): Promise<Millis | null> {
  const now = deps.clock.now()
  const keys = [...oldRevision(deps.world, now), ...oldEvents(deps.world), ...oldAnswers(deps.world, now)]
  const steps = keys.map((key) => ({ writes: [{ delete: key }], events: [] }))
  return commitPart(deps, [], steps, null)
}

/** One revision at a time, its services before itself, so that a crash in between leaves nothing unreachable. */
function oldRevision(world: World, now: Millis): Key[] {
  const all = [...world.mirror.list('manifest')].map(({ value }) => value).sort((a, b) => b.number - a.number)
  const lastApplied = all.find(({ state }) => state === 'applied')?.number
  const old = all.find(({ number, state, createdAt }, index) => {
    if (number === world.desired || number === lastApplied) return false
    return state === 'staged' ? now - createdAt > STAGE_AGE_MS : index >= KEPT_REVISIONS
  })
  if (old === undefined) return []
  return [...world.mirror.specsOf(old.number).map(({ key }) => key), keyOf('manifest', old.number)]
}

function oldEvents(world: World): Key[] {
  const surplus = world.mirror.count('event') - KEPT_EVENTS
  if (surplus < EVENT_SLACK) return []
  return world.mirror
    .list('event')
    .slice(0, surplus)
    .map(({ key }) => key)
}

function oldAnswers(world: World, now: Millis): Key[] {
  return world.mirror
    .list('idempotency')
    .filter(({ value }) => now - value.at > KEPT_ANSWERS_MS)
    .map(({ key }) => key)
}
