import { OperationalError } from '../core/errors.ts'
import { refusedFeatures, unsupportedFields } from '../core/manifest/support.ts'
import type { NodeId, ServiceName } from '../core/model/ids.ts'
import { CLUSTER_KEY } from '../core/model/objects.ts'
import { isAuthorityChange, isNodeChange, type ManifestChange, type Plan, type PlanNote } from '../core/model/plan.ts'
import type { ServiceSpec } from '../core/model/service.ts'
import { movedFacts } from '../core/plan/facts.ts'
import { computePlan } from '../core/plan/plan.ts'
import { targetOf } from '../core/plan/target.ts'
import { type Clock, sleep } from '../ports/clock.ts'
import type { Survey } from '../ports/link.ts'
import type { Sessions } from './sessions.ts'
import type { World } from './world.ts'

/** A plan waits no longer for agents than a person would. */
const ANSWER_MS = 1_000

export interface PlanDeps {
  readonly clock: Clock
  readonly world: World
  readonly sessions: Sessions
}

/** Computes what a change would do, and the specs it leads to. Changes nothing. */
export async function planChange(
  change: ManifestChange,
  deps: PlanDeps,
): Promise<{ plan: Plan; target: Readonly<Record<ServiceName, ServiceSpec>> }> {
  const { world } = deps
  const targetNow = (): Readonly<Record<ServiceName, ServiceSpec>> =>
    targetOf(change, world.specs(world.desired), rollbackSpecs(change, world))
  const surveys = await surveyNodes(Object.values(targetNow()), deps)
  // The world may have moved while the agents were asked: all of the plan is of one moment.
  const current = world.specs(world.desired)
  const target = targetNow()
  const nodes = world.nodes().map((node) => ({ ...node, runtimes: surveys.get(node.id)?.runtimes ?? node.runtimes }))
  const plan = computePlan({
    clusterId: world.mirror.get(CLUSTER_KEY)?.value.id ?? '',
    desiredRevision: world.desired,
    current,
    tasks: world.tasks(),
    nodes,
    change,
    target,
    presentImages: new Map([...surveys].map(([id, { presentImages }]) => [id, new Set(presentImages)])),
    notes: [],
    support: { unsupportedFields, refusedFeatures },
  })
  return { plan, target }
}

/** Refuses a plan that cannot be carried out, or that was made for a world that has moved since. */
export function checkPlan(now: Plan, given: Plan | null): void {
  if (given !== null && given.id !== now.id) {
    const moved = movedFacts(given, now)
    throw new OperationalError(
      'PLAN_STALE',
      `the world moved since the plan was made: ${moved.join('; ') || 'it would do something else now'}`,
      {
        hint: 'make a new plan, look at it, and apply that',
        problems: moved.map((message) => ({ path: 'plan', message, hint: '', file: null, line: null, column: null })),
      },
    )
  }
  if (now.blockers.length > 0) {
    const [first] = now.blockers
    const isManifest = !isNodeChange(now.change) && now.change.kind !== 'upgrade' && !isAuthorityChange(now.change)
    const code = isManifest ? 'UNSUPPORTED' : 'PREREQUISITE'
    throw new OperationalError(code, `it cannot be applied: ${first === undefined ? '' : describe(first)}`, {
      problems: now.blockers.map((blocker) => ({
        path: [blocker.service, blocker.field].filter((part) => part !== null).join('.'),
        message: blocker.message,
        hint: '',
        file: null,
        line: null,
        column: null,
      })),
    })
  }
}

function describe(note: PlanNote): string {
  return [note.service, note.field, note.message].filter((part) => part !== null).join(': ')
}

function rollbackSpecs(change: ManifestChange, world: World): Readonly<Record<ServiceName, ServiceSpec>> | null {
  if (change.kind !== 'rollback') return null
  if (change.to !== null) {
    if (world.manifest(change.to) === null)
      throw new OperationalError('NOT_FOUND', `there is no manifest revision ${change.to}`)
    return world.specs(change.to)
  }
  const applied = [...world.mirror.list('manifest')]
    .map(({ value }) => value)
    .filter(({ number, state }) => number < world.desired && (state === 'applied' || state === 'superseded'))
    .sort((a, b) => b.number - a.number)
  const target = applied.find(({ state }) => state === 'applied')
  if (target === undefined) throw new OperationalError('NOT_FOUND', 'no earlier manifest revision was applied')
  return world.specs(target.number)
}

/** What the nodes say of themselves right now if they answer soon; of the others their records are believed. */
export async function surveyNodes(specs: readonly ServiceSpec[], deps: PlanDeps): Promise<ReadonlyMap<NodeId, Survey>> {
  const images = [...new Set(specs.map((spec) => spec.container.image).filter((image) => image !== null))]
  const surveys = new Map<NodeId, Survey>()
  if (images.length === 0) return surveys
  const asked = deps.world.nodes().map(async ({ id }) => {
    const connection = deps.sessions.connection(id)
    if (connection === null) return
    try {
      surveys.set(id, await connection.calls.survey(images))
    } catch (error) {
      // A node that does not answer is left out of the plan's list of pulls.
      if (!(error instanceof OperationalError)) throw error
    }
  })
  await Promise.race([Promise.all(asked), sleep(deps.clock, ANSWER_MS)])
  return new Map(surveys)
}
