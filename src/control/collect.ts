import type { Millis } from '../core/model/ids.ts'
import type { ManifestRevision } from '../core/model/manifest.ts'
import { type Key, keyOf } from '../core/model/objects.ts'
import { commitPart, type PassDeps } from './pass.ts'
import type { World } from './world.ts'

/** Manifest revisions that are kept; the desired and the last applied one always are. */
const KEPT_REVISIONS = 50
/** A stage that no apply has finished by then belongs to a server that died over it. */
const STAGE_AGE_MS: Millis = 600_000
const UNFINISHED = 'its apply was never finished'
const KEPT_EVENTS = 10_000
/** Events are forgotten many at a time, so that not every commit brings another one with it. */
const EVENT_SLACK = 500
/** A client that repeats a request does so within minutes; a day is plenty. */
const KEPT_ANSWERS_MS: Millis = 86_400_000
/** The clock of whoever answered may have been behind: so long they are kept by that of each leader, too. */
const KEPT_HERE_MS: Millis = 3_600_000

/** Forgets what nobody needs any more: old revisions, stages without an apply, old events and answers. */
export function collect(deps: PassDeps): Promise<Millis | null> {
  const now = deps.clock.now()
  const old = oldRevision(deps.world, now)
  if (old !== null && old.state === 'staged') return giveUp(old, deps)
  const keys = [
    ...(old === null ? [] : objectsOf(old, deps.world)),
    ...oldEvents(deps.world),
    ...oldAnswers(deps.world, now),
  ]
  const steps = keys.map((key) => ({ writes: [{ delete: key }], events: [] }))
  return commitPart(deps, [], steps, null)
}

/**
 * Ends a stage before any of it goes: whoever still stages expects its header unchanged, so from here on neither another
 * part of it nor the pointer can land.
 */
function giveUp(stage: ManifestRevision, deps: PassDeps): Promise<Millis | null> {
  const message = UNFINISHED
  const value: ManifestRevision = { ...stage, state: 'superseded', message, finishedAt: deps.clock.now() }
  const step = { writes: [{ put: keyOf('manifest', stage.number), value }], events: [] }
  return commitPart(deps, [], [step], deps.clock.now())
}

/** One revision at a time. */
function oldRevision(world: World, now: Millis): ManifestRevision | null {
  const all = [...world.mirror.list('manifest')].map(({ value }) => value).sort((a, b) => b.number - a.number)
  const lastApplied = all.find(({ state }) => state === 'applied')?.number
  const old = all.find(({ number, state, message }, index) => {
    if (number === world.desired || number === lastApplied) return false
    if (state === 'staged') return now - world.seenSince(keyOf('manifest', number)) > STAGE_AGE_MS
    return index >= KEPT_REVISIONS || (state === 'superseded' && message === UNFINISHED)
  })
  return old ?? null
}

/** Its services before itself, so that a crash in between leaves nothing that nobody finds. */
function objectsOf({ number }: ManifestRevision, world: World): Key[] {
  return [...world.mirror.specsOf(number).map(({ key }) => key), keyOf('manifest', number)]
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
    .filter(({ key, value }) => now - value.at > KEPT_ANSWERS_MS && now - world.seenSince(key) > KEPT_HERE_MS)
    .map(({ key }) => key)
}
