import { agentSteps } from './agent-steps.ts'
import { applySteps } from './apply-steps.ts'
import type { Step } from './explore.ts'
import { isWhole, leaderSteps } from './leader-steps.ts'
import type { Apply, Budget, Leader, Order, Owner, Rules, Store, Task, World } from './state.ts'
import { ownerOf, spend } from './state.ts'

/** Everything that can happen next in a world that keeps these rules. */
export function* steps(world: World, rules: Rules): Iterable<Step<World>> {
  yield* applySteps(world, rules)
  yield* leaderSteps(world, rules)
  yield* agentSteps(world, rules)
  yield* backupSteps(world, rules)
}

/** A copy of the state is taken, and may become the state again. Servers do not live through that; orders and agents do. */
function* backupSteps(world: World, rules: Rules): Iterable<Step<World>> {
  const { store, backup, budget } = world
  if (budget.backups > 0) {
    yield {
      name: `revision ${store.revision} is backed up`,
      next: { ...world, backup: store, budget: spend(budget, 'backups') },
    }
  }
  if (backup !== null && budget.forgeries > 0) yield forge(world, backup)
  if (backup === null || budget.restores === 0) return
  const incarnation = rules.raiseIncarnation ? store.incarnation + 1 : backup.incarnation
  const isStopped = rules.restoreStopsServers
  const next: World = {
    ...world,
    store: { ...backup, incarnation, revision: backup.revision + 1, history: store.history + 1 },
    leaders: isStopped ? world.leaders.map(() => IDLE) : world.leaders,
    applies: isStopped ? world.applies.map((apply) => ({ ...apply, phase: 'over' as const })) : world.applies,
    backup: budget.restores > 1 ? backup : null,
    budget: spend(budget, 'restores'),
    ghost: { ...world.ghost, restored: true, acknowledged: ownerOf(backup) },
  }
  yield { name: `revision ${backup.revision} is restored as incarnation ${incarnation}`, next }
}

/** Somebody who can write to the store puts an old state into it and raises the number, but has no key to sign that. */
function forge(world: World, backup: Store): Step<World> {
  const { store } = world
  const incarnation = store.incarnation + 1
  const next: World = {
    ...world,
    store: { ...backup, incarnation, signed: false, revision: backup.revision + 1, history: store.history + 1 },
    leaders: world.leaders.map(() => IDLE),
    applies: world.applies.map((apply) => ({ ...apply, phase: 'over' as const })),
    backup: null,
    budget: { ...spend(world.budget, 'forgeries'), restores: 0 },
    ghost: { ...world.ghost, restored: true, acknowledged: ownerOf(backup) },
  }
  return { name: `revision ${backup.revision} is put back by a stranger as incarnation ${incarnation}`, next }
}

/** Makes the function that names worlds: equal for those that are alike. Each part is written out once and remembered. */
export function worldKey(): (world: World) => string {
  const texts = new WeakMap<object, string>()
  const textOf = (part: unknown): string => {
    if (typeof part !== 'object' || part === null) return String(part)
    const known = texts.get(part)
    if (known !== undefined) return known
    const text = `(${Object.values(part).map(textOf).join()})`
    texts.set(part, text)
    return text
  }
  return textOf
}

/** The promise that does not hold in this world; null: all hold. */
export function brokenPromise(world: World): string | null {
  const { store, agent, ghost } = world
  if (ghost.broken !== null) return ghost.broken
  if (!isWhole(store)) return 'an apply is never half there'
  if (ownerOf(store) !== ghost.acknowledged) return 'an acknowledged apply is not lost'
  if (isShared(store.tasks.filter((task) => !task.ended).map(({ id }) => id))) {
    return 'an exclusive slot is given to one attempt at a time'
  }
  return isShared(agent.running) ? 'an exclusive slot has at most one container' : null
}

function isShared(ids: readonly string[]): boolean {
  return new Set(ids.map((id) => id[0])).size < ids.length
}

const IDLE: Leader = { phase: 'idle', epoch: 0, seen: null }
const NOTHING: Budget = {
  elections: 0,
  orders: 0,
  crashes: 0,
  exits: 0,
  backups: 0,
  restores: 0,
  forgeries: 0,
  collections: 0,
  creates: 0,
}

/** A world where nothing has happened but what is given: who wants to apply what, and what may go wrong how often. */
function aWorld(applies: readonly Owner[], budget: Partial<Budget>, store: Partial<Store> = {}): World {
  const request = (owner: Owner): Apply => ({
    owner,
    phase: 'new',
    number: 0,
    header: 0,
    base: { revision: 0, owner: 'o' },
  })
  const full: Store = {
    incarnation: 1,
    signed: true,
    epoch: 0,
    revision: 0,
    desired: { number: 0, revision: 0 },
    headers: [],
    specs: [],
    tasks: [],
    history: 0,
    ...store,
  }
  return {
    store: full,
    leaders: [IDLE, IDLE],
    applies: applies.map(request),
    wire: [],
    agent: { disk: null, memory: null, pending: null, confirmed: false, running: [], ended: [] },
    backup: null,
    budget: { ...NOTHING, ...budget },
    ghost: { acknowledged: ownerOf(full), acted: null, stopsAsked: [], restored: false, broken: null },
  }
}

/** A manifest that is in force from the start. */
function inForce(owner: Owner, services: string): Partial<Store> {
  return {
    revision: 1,
    desired: { number: 1, revision: 1 },
    headers: [{ number: 1, owner, revision: 1, givenUp: false }],
    specs: [...services].map((service) => ({ number: 1, service, owner })),
  }
}

/** A world where an attempt of `a` runs, as an agent was ordered. */
function running(id: string, applies: readonly Owner[], budget: Partial<Budget>): World {
  const task: Task = { id, desired: 'running', ended: false, revision: 6 }
  const world = aWorld(applies, budget, { ...inForce('y', 'a'), epoch: 1, revision: 7, tasks: [task] })
  const authority = { clusterId: 'c', incarnation: 1, epoch: 1, revision: 7 }
  const order: Order = { authority, signed: true, tasks: [{ id, desired: 'running' }], history: 0 }
  return {
    ...world,
    agent: { ...world.agent, disk: order, memory: order, confirmed: true, running: [id] },
    ghost: { ...world.ghost, acted: order },
  }
}

/** The second attempt runs and the first is forgotten; the backup is from before both. */
function laterAttempt(budget: Partial<Budget>): World {
  const world = running('a2', [], budget)
  return { ...world, backup: { ...world.store, epoch: 0, revision: 1, tasks: [] } }
}

/** What is explored, each to its end: together they have all that can go wrong, apart they stay small. */
export const SCENARIOS: Readonly<Record<string, World>> = {
  'two applies, a collector and a change of leader': aWorld(['x', 'y'], { elections: 2, collections: 3 }),
  'two leaders and an agent that crashes': aWorld(
    [],
    { elections: 2, creates: 2, orders: 2, crashes: 1 },
    inForce('x', 'ab'),
  ),
  'a container that exits and is replaced': aWorld(
    [],
    { elections: 2, creates: 2, orders: 3, crashes: 1, exits: 1 },
    inForce('y', 'a'),
  ),
  'a service that is taken out, and comes back': running('a1', ['z', 'y'], {
    elections: 1,
    creates: 1,
    orders: 2,
  }),
  'a restore from an old backup': aWorld(
    [],
    { elections: 2, creates: 2, orders: 2, exits: 1, backups: 1, restores: 1 },
    inForce('y', 'a'),
  ),
  'a stranger who puts an old state back': laterAttempt({
    elections: 2,
    creates: 2,
    orders: 3,
    exits: 1,
    forgeries: 1,
  }),
  'a restore when a later attempt runs': laterAttempt({ elections: 2, creates: 2, orders: 3, exits: 1, restores: 1 }),
}
