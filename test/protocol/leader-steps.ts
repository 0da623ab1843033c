import type { Step } from './explore.ts'
import type { Leader, Order, Rules, Store, Task, World } from './state.ts'
import { break_, commit, ownerOf, replaced, spend, WANTS } from './state.ts'

/** What the servers that may lead can do next: take the epoch, look, decide, give orders. Any may pause anywhere. */
export function* leaderSteps(world: World, rules: Rules): Iterable<Step<World>> {
  for (const [index, leader] of world.leaders.entries()) {
    const with_ = (next: Leader, rest: Partial<World> = {}): World => ({
      ...world,
      ...rest,
      leaders: replaced(world.leaders, index, next),
    })
    const who = `leader ${index + 1}`
    // Two idle ones are alike, so it is enough that the first of them goes ahead.
    const isTurn = index === 0 || world.leaders[0]?.phase !== 'idle'
    if (leader.phase === 'idle' && isTurn && world.budget.elections > 0) {
      const budget = spend(world.budget, 'elections')
      yield {
        name: `${who} has the lease and reads epoch ${world.store.epoch}`,
        next: with_({ ...leader, phase: 'trying', epoch: world.store.epoch }, { budget }),
      }
    }
    if (leader.phase === 'trying') yield takeEpoch(world, index, leader, rules)
    if (leader.phase !== 'leads' || leader.seen === null) continue
    if (leader.seen.revision !== world.store.revision || leader.seen.incarnation !== world.store.incarnation) {
      yield { name: `${who} sees revision ${world.store.revision}`, next: with_({ ...leader, seen: world.store }) }
    }
    for (const decision of decisions(leader.seen, world, rules)) {
      // A conflict changes nothing: the next pass reads and decides again.
      if (isFenced(world, leader, rules) || decision.stands(world.store))
        yield decide(world, index, leader, decision, rules)
    }
    const order = orderOf(leader, leader.seen)
    if (world.budget.orders > 0 && !world.wire.some((other) => JSON.stringify(other) === JSON.stringify(order))) {
      const tasks = order.tasks.map(({ id, desired }) => `${id} ${desired}`).join(', ')
      yield {
        name: `${who} of epoch ${leader.epoch} orders [${tasks}] at revision ${order.authority.revision}`,
        next: { ...world, wire: [...world.wire, order], budget: spend(world.budget, 'orders') },
      }
    }
  }
}

/** Raises the epoch that it read, if that is still the epoch. */
function takeEpoch(world: World, index: number, leader: Leader, rules: Rules): Step<World> {
  const who = `leader ${index + 1}`
  const idle: Leader = { phase: 'idle', epoch: 0, seen: null }
  if (rules.guardEpoch && world.store.epoch !== leader.epoch) {
    return { name: `${who} was too late`, next: { ...world, leaders: replaced(world.leaders, index, idle) } }
  }
  const epoch = leader.epoch + 1
  const store = commit(world.store, { epoch })
  const isTwin = world.leaders.some(
    (other, at) =>
      at !== index && other.phase === 'leads' && other.epoch === epoch && other.seen?.incarnation === store.incarnation,
  )
  const next = {
    ...world,
    store,
    leaders: replaced(world.leaders, index, { phase: 'leads' as const, epoch, seen: store }),
  }
  return { name: `${who} takes epoch ${epoch}`, next: isTwin ? break_(next, 'an epoch has one leader') : next }
}

interface Decision {
  readonly name: string
  /** Whether what it rests on is still so. */
  readonly stands: (store: Store) => boolean
  readonly write: (store: Store) => Partial<Store>
  readonly rest?: Partial<World>
}

/** One guarded commit under its epoch. */
function decide(world: World, index: number, leader: Leader, decision: Decision, rules: Rules): Step<World> {
  const who = `leader ${index + 1} of epoch ${leader.epoch}`
  if (isFenced(world, leader, rules)) {
    const idle: Leader = { phase: 'idle', epoch: 0, seen: null }
    return { name: `${who} is fenced`, next: { ...world, leaders: replaced(world.leaders, index, idle) } }
  }
  const store = commit(world.store, decision.write(world.store))
  const next = {
    ...world,
    ...decision.rest,
    store,
    leaders: replaced(world.leaders, index, { ...leader, seen: store }),
  }
  const isOld = world.store.epoch !== leader.epoch || leader.seen?.incarnation !== world.store.incarnation
  return { name: `${who} ${decision.name}`, next: isOld ? break_(next, 'no write of an older reign lands') : next }
}

function isFenced(world: World, leader: Leader, rules: Rules): boolean {
  return rules.fenceWrites && world.store.epoch !== leader.epoch
}

function* decisions(seen: Store, world: World, rules: Rules): Iterable<Decision> {
  const wanted: string = seen.specs
    .filter(({ number }) => number === seen.desired.number)
    .map(({ service }) => service)
    .join('')
  const desiredStands = (store: Store): boolean => store.desired.revision === seen.desired.revision
  for (const service of 'ab') {
    const tasks = seen.tasks.filter(({ id }) => id[0] === service)
    const attempt = Math.max(0, ...tasks.map(({ id }) => Number(id.slice(1)))) + 1
    const isFree = tasks.every((task) => task.ended || (!rules.waitForEnd && task.desired === 'stopped'))
    if (wanted.includes(service) && isFree && world.budget.creates > 0) {
      const rest = { budget: spend(world.budget, 'creates') }
      yield { ...create(`${service}${attempt}`, tasks, desiredStands), rest }
    }
  }
  for (const task of seen.tasks) {
    const isWanted = wanted.includes(task.id[0] ?? '')
    const stands = (store: Store): boolean => revisionOf(store, task.id) === task.revision && desiredStands(store)
    // What is missing from the manifest is stopped because a user took it out, never because it is not there.
    if (!isWanted && task.desired === 'running' && !task.ended && seen.desired.number > 0) {
      const stopsAsked = [...new Set([...world.ghost.stopsAsked, task.id])].sort()
      yield {
        ...change(task, { desired: 'stopped' }, stands, `wants ${task.id} stopped`),
        rest: { ghost: { ...world.ghost, stopsAsked } },
      }
    }
    if (!task.ended && world.agent.ended.includes(task.id))
      yield change(task, { ended: true }, stands, `notes that ${task.id} ended`)
    const isReplaced = seen.tasks.some(({ id }) => id[0] === task.id[0] && id > task.id)
    if (task.ended && (!isWanted || isReplaced)) {
      yield {
        name: `forgets ${task.id}`,
        stands,
        write: (store) => ({ tasks: store.tasks.filter(({ id }) => id !== task.id) }),
      }
    }
  }
  if (world.budget.collections > 0) yield* collections(seen, world, rules)
}

function create(id: string, before: readonly Task[], desiredStands: (store: Store) => boolean): Decision {
  return {
    name: `creates ${id}`,
    stands: (store) =>
      desiredStands(store) &&
      revisionOf(store, id) === 0 &&
      before.every((task) => revisionOf(store, task.id) === task.revision),
    write: (store) => ({
      tasks: [...store.tasks, { id, desired: 'running', ended: false, revision: store.revision + 1 }],
    }),
  }
}

function change(task: Task, part: Partial<Task>, stands: (store: Store) => boolean, name: string): Decision {
  const write = (store: Store): Partial<Store> => ({
    tasks: store.tasks.map((other) =>
      other.id === task.id ? { ...other, ...part, revision: store.revision + 1 } : other,
    ),
  })
  return { name, stands, write }
}

/**
 * A stage that no apply has finished is given up first: its header is changed, so that its apply can neither add to it
 * nor point to it. Then its services go, and the header last, so that its number is free only when nothing is left.
 */
function* collections(seen: Store, world: World, rules: Rules): Iterable<Decision> {
  const rest = { budget: spend(world.budget, 'collections') }
  for (const header of seen.headers.filter(({ number }) => number !== seen.desired.number)) {
    const { number, revision } = header
    const isOf = (one: { readonly number: number }): boolean => one.number === number
    const stands = (store: Store): boolean => store.headers.some((one) => isOf(one) && one.revision === revision)
    const [service, other] = seen.specs.filter(isOf).map((spec) => spec.service)
    const without = (store: Store): Store['specs'] =>
      store.specs.filter((spec) => !isOf(spec) || spec.service !== service)
    const giveUp = (store: Store): Partial<Store> => ({
      headers: store.headers.map((one) => (isOf(one) ? { ...one, revision: store.revision + 1, givenUp: true } : one)),
    })
    const dropOne = (store: Store): Partial<Store> => ({ specs: without(store) })
    const dropLast = (store: Store): Partial<Store> => ({
      specs: without(store),
      headers: store.headers.filter((one) => !isOf(one)),
    })
    if (rules.giveUpBeforeCollecting && !header.givenUp)
      yield { name: `gives stage ${number} up`, stands, write: giveUp, rest }
    else if (other !== undefined) yield { name: `collects ${service} of stage ${number}`, stands, write: dropOne, rest }
    else yield { name: `collects the last of stage ${number}`, stands, write: dropLast, rest }
  }
}

function orderOf(leader: Leader, seen: Store): Order {
  const { incarnation, revision } = seen
  return {
    authority: { clusterId: 'c', incarnation, epoch: leader.epoch, revision },
    tasks: seen.tasks.map(({ id, desired }) => ({ id, desired })),
    signed: seen.signed,
    history: seen.history,
  }
}

function revisionOf(store: Store, id: string): number {
  return store.tasks.find((task) => task.id === id)?.revision ?? 0
}

/** Whether what the pointer names is there as its user sent it. */
export function isWhole(store: Store): boolean {
  const owner = ownerOf(store)
  const specs = store.specs.filter(({ number }) => number === store.desired.number)
  const services = specs.map(({ service }) => service).sort()
  return services.join('') === WANTS[owner] && specs.every((spec) => spec.owner === owner)
}
