import { OperationalError } from '../core/errors.ts'
import type { Millis, ServiceName, StoreRevision } from '../core/model/ids.ts'
import type { ManifestRevision } from '../core/model/manifest.ts'
import { DESIRED_KEY, keyOf } from '../core/model/objects.ts'
import { isEmptyPlan, type ManifestChange, type Plan } from '../core/model/plan.ts'
import type { ServiceSpec } from '../core/model/service.ts'
import { isTerminal } from '../core/model/task.ts'
import { unreachable } from '../lib/assert.ts'
import { contentHash } from '../lib/canonical-json.ts'
import { type Clock, sleep } from '../ports/clock.ts'
import { type Commit, MAX_WRITES, type Store, type Write } from '../ports/store.ts'
import type { Accepted, Caller } from './api.ts'
import type { World } from './world.ts'

export interface AcceptDeps {
  readonly store: Store
  readonly world: World
  readonly clock: Clock
}

/** Everything that one accepted change makes durable. */
interface Stage {
  readonly revision: ManifestRevision
  readonly specs: Readonly<Record<string, ServiceSpec>>
  /** The services that stay, and of which the plan says something. */
  readonly touched: readonly ServiceName[]
}

const REPLY_LOST_MS = 1_000
const TRIES = 3
/** Services in one commit of a stage; the header, or what it is guarded by, needs room too. */
const PART = MAX_WRITES - 1

/**
 * Makes a change the desired state. Its objects are staged as an immutable manifest revision in as many commits as it
 * takes; one guarded commit then makes that revision the desired one, so a reader sees all of it or nothing.
 */
export async function acceptChange(
  change: ManifestChange,
  makePlan: () => Promise<{ plan: Plan; target: Readonly<Record<string, ServiceSpec>> }>,
  checkPlan: (now: Plan) => void,
  caller: Caller,
  deps: AcceptDeps,
): Promise<Accepted> {
  const requestHash = contentHash(change)
  for (let tries = 1; ; tries++) {
    const { plan, target } = await makePlan()
    const earlier = earlierAnswer(caller, requestHash, deps)
    if (earlier !== null) return { revision: earlier.revision, plan }
    checkPlan(plan)
    if (isEmptyPlan(plan) && sameManifest(change, deps)) return { revision: null, plan }
    const basis = deps.world.mirror.get(DESIRED_KEY)?.revision ?? 0
    if (deps.world.desired === plan.baseRevision) {
      const stage = stageOf(change, plan, target, caller, deps)
      if (await commitStage(stage, basis, caller, requestHash, deps)) return { revision: stage.revision.number, plan }
    }
    if (tries >= TRIES)
      throw new OperationalError('CONFLICT', 'the manifest was changed by somebody else at the same time')
  }
}

/** The answer that the same request got before; null: it is new. Throws when the key belonged to another request. */
export function earlierAnswer(
  caller: Caller,
  requestHash: string,
  deps: Pick<AcceptDeps, 'world'>,
): { revision: number | null } | null {
  if (caller.idempotencyKey === null) return null
  const record = deps.world.mirror.get(keyOf('idempotency', caller.idempotencyKey))?.value
  if (record === undefined) return null
  if (record.requestHash !== requestHash) {
    throw new OperationalError('IDEMPOTENCY_MISMATCH', 'this idempotency key was used for another request')
  }
  return record.body as { revision: number | null }
}

/** Without actions an apply may still bring another text (comments, placements), which is kept; the rest is repetition. */
function sameManifest(change: ManifestChange, deps: AcceptDeps): boolean {
  return change.kind !== 'apply' || deps.world.manifest(deps.world.desired)?.text === change.text
}

function stageOf(
  change: ManifestChange,
  { actions }: Plan,
  specs: Readonly<Record<string, ServiceSpec>>,
  caller: Caller,
  deps: AcceptDeps,
): Stage {
  const { world, clock } = deps
  const numbers = [...world.mirror.list('manifest')].map(({ value }) => value.number)
  const before = world.manifest(world.desired)
  const source = change.kind === 'rollback' && change.to !== null ? world.manifest(change.to) : before
  const declared = new Set(world.tasks().map((task) => task.service))
  for (const name of before?.services ?? []) declared.add(name)
  const removes = [...declared].filter((name) => specs[name] === undefined && world.dispatchOf(name) === null).sort()
  const revision: ManifestRevision = {
    number: Math.max(0, ...numbers) + 1,
    state: 'staged',
    message: '',
    text: change.kind === 'apply' ? change.text : (source?.text ?? ''),
    services: Object.keys(specs).sort(),
    placements: change.kind === 'apply' ? change.manifest.placements : (source?.placements ?? []),
    removes,
    cause: causeOf(change),
    by: caller.by,
    createdAt: clock.now(),
    finishedAt: null,
  }
  return { revision, specs, touched: actions.map(({ service }) => service).filter((name) => specs[name] !== undefined) }
}

/** Words for what made a revision. */
export function causeOf(change: ManifestChange): string {
  switch (change.kind) {
    case 'apply':
      return 'apply'
    case 'reapply':
      return 'apply again'
    case 'destroy':
      return 'destroy'
    case 'rollback':
      return change.to === null ? 'rollback' : `rollback to ${change.to}`
    case 'scale':
      return `scale ${change.service} to ${change.replicas}`
    case 'restart':
      return `restart ${change.service}`
    default:
      return unreachable(change)
  }
}

async function commitStage(
  stage: Stage,
  basis: number,
  caller: Caller,
  requestHash: string,
  deps: AcceptDeps,
): Promise<boolean> {
  const { revision, specs } = stage
  const header: Write = { put: keyOf('manifest', revision.number), value: revision }
  const rest: Write[] = Object.values(specs).map((spec) => ({
    put: keyOf('spec', `${revision.number}/${spec.name}`),
    value: spec,
  }))
  const begun = await commitOnce(absent([header, ...rest.slice(0, PART)]), deps)
  if (begun === null) return false
  // Who collects stages touches the header first: as long as it is as we wrote it, the stage is whole.
  const staged = { key: keyOf('manifest', revision.number), revision: begun }
  for (let at = PART; at < rest.length; at += PART) {
    const part = absent(rest.slice(at, at + PART))
    if ((await commitOnce({ ...part, expect: [...part.expect, staged] }, deps)) === null) return false
  }
  return (await commitOnce(pointerCommit(stage, staged.revision, basis, caller, requestHash, deps), deps)) !== null
}

/** Writes objects that are not there yet. */
function absent(writes: readonly Write[]): Commit {
  const expect = writes.map((write) => ({ key: 'put' in write ? write.put : write.delete, revision: 0 }))
  return { epoch: null, expect, writes, events: [] }
}

/** What a commit has of one matter. */
type Part = Pick<Commit, 'writes' | 'expect' | 'events'>

const NOTHING: Part = { writes: [], expect: [], events: [] }

function pointerCommit(
  stage: Stage,
  staged: StoreRevision,
  basis: number,
  caller: Caller,
  requestHash: string,
  { world, clock }: AcceptDeps,
): Commit {
  const now = clock.now()
  const parts = [
    moved(stage, staged, basis, caller, now),
    superseded(stage, caller, world, now),
    triedAgain(stage, world, now),
    remembered(stage, caller, requestHash, now),
  ]
  return {
    epoch: null,
    expect: parts.flatMap(({ expect }) => expect),
    writes: parts.flatMap(({ writes }) => writes),
    events: parts.flatMap(({ events }) => events),
  }
}

/** The pointer, to a stage that is whole. */
function moved({ revision }: Stage, staged: StoreRevision, basis: number, { by }: Caller, now: Millis): Part {
  const { number, cause } = revision
  const key = keyOf('manifest', number)
  const message = `manifest ${number} was accepted: ${cause}`
  return {
    writes: [
      { put: DESIRED_KEY, value: { revision: number } },
      { put: key, value: { ...revision, state: 'progressing' } },
    ],
    expect: [
      { key: DESIRED_KEY, revision: basis },
      { key, revision: staged },
    ],
    events: [{ kind: 'manifest.accepted', object: key, service: null, message, by, at: now }],
  }
}

/** The manifest before, if it was still on its way. */
function superseded({ revision }: Stage, { by }: Caller, world: World, now: Millis): Part {
  const before = world.manifest(world.desired)
  if (before?.state !== 'progressing') return NOTHING
  const key = keyOf('manifest', before.number)
  const why = `manifest ${revision.number} took its place`
  const message = `manifest ${before.number} is superseded: ${why}`
  return {
    writes: [{ put: key, value: { ...before, state: 'superseded', message: why, finishedAt: now } }],
    expect: [{ key, revision: world.mirror.get(key)?.revision ?? 0 }],
    events: [{ kind: 'manifest.superseded', object: key, service: null, message, by, at: now }],
  }
}

/** Attempts that ended for good before now may be tried again: that is what applying once more means. */
function triedAgain({ touched }: Stage, world: World, now: Millis): Part {
  const over = touched
    .slice(0, MAX_WRITES - 10)
    .filter((name) => world.tasksOf(name).some((task) => isTerminal(task.status.state)))
    .map((name) => ({ name, key: keyOf('service', name), record: world.mirror.get(keyOf('service', name)) }))
  return {
    writes: over.map(({ name, key, record }) => ({
      put: key,
      value: { name, attemptFloor: record?.value.attemptFloor ?? 0, retryAt: now },
    })),
    expect: over.map(({ key, record }) => ({ key, revision: record?.revision ?? 0 })),
    events: [],
  }
}

/** The answer, for a caller who may ask the same again. */
function remembered({ revision }: Stage, { idempotencyKey }: Caller, requestHash: string, now: Millis): Part {
  if (idempotencyKey === null) return NOTHING
  const key = keyOf('idempotency', idempotencyKey)
  const value = { requestHash, status: 202, body: { revision: revision.number }, at: now }
  return { writes: [{ put: key, value }], expect: [{ key, revision: 0 }], events: [] }
}

/**
 * Commits for a user; returns the revision of it. null: overtaken, nothing was written. Throws OUTCOME_UNKNOWN when even
 * a later look cannot tell.
 */
export async function commitOnce(commit: Commit, deps: AcceptDeps): Promise<StoreRevision | null> {
  const outcome = await deps.store.commit(commit)
  switch (outcome.kind) {
    case 'committed':
      await deps.world.mirror.waitFor(outcome.revision)
      return outcome.revision
    case 'conflict':
      return null
    case 'fenced':
      throw new OperationalError('NOT_LEADER', `epoch ${outcome.epoch} reigns`)
    case 'unknown':
      return landedAfterAll(commit, deps)
    default:
      return unreachable(outcome)
  }
}

/** Looks whether a commit whose answer was lost is there: its first written object tells. */
async function landedAfterAll(commit: Commit, deps: AcceptDeps): Promise<StoreRevision> {
  await sleep(deps.clock, REPLY_LOST_MS)
  const first = commit.writes[0]
  const stored = first !== undefined && 'put' in first ? deps.world.mirror.get(first.put) : null
  if (
    stored !== null &&
    first !== undefined &&
    'put' in first &&
    JSON.stringify(stored.value) === JSON.stringify(first.value)
  ) {
    return stored.revision
  }
  throw new OperationalError('OUTCOME_UNKNOWN', 'the store did not answer; the change may or may not have been made', {
    hint: 'look at `gantry revisions`, then repeat the command if it is not there',
  })
}
