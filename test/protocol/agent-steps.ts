import type { Authority } from '../../src/core/model/message.ts'
import { judgeAuthority } from '../../src/core/node/fence.ts'
import { guardRemovals } from '../../src/core/plan/guard.ts'
import type { Step } from './explore.ts'
import type { Agent, Order, Rules, World } from './state.ts'
import { break_, spend } from './state.ts'

/** Each container of the model stands for so many, or the guard would take the few of them for nothing. */
const STANDS_FOR = 4

/** What the agent, its containers and the wire can do next. The verdicts are those of the product's own functions. */
export function* agentSteps(world: World, rules: Rules): Iterable<Step<World>> {
  const { agent, budget } = world
  // One that is lost is one that never arrives, so losing it is no step of its own.
  for (const order of world.wire) yield* receive(world, order, rules)
  if (agent.pending !== null) yield persist(world, agent.pending)
  yield* act(world, rules)
  for (const id of budget.exits > 0 ? agent.running : []) {
    const next = { ...world, agent: ended(agent, id), budget: spend(budget, 'exits') }
    yield { name: `container ${id} exits by itself`, next }
  }
  if (budget.crashes > 0) {
    const crashed: Agent = { ...agent, memory: agent.disk, pending: null, confirmed: false }
    yield {
      name: 'agent crashes and starts again',
      next: { ...world, agent: crashed, budget: spend(budget, 'crashes') },
    }
  }
}

/** An order arrives; it may arrive again. */
function* receive(world: World, order: Order, rules: Rules): Iterable<Step<World>> {
  const { agent } = world
  const held = (agent.pending ?? agent.memory)?.authority ?? null
  const verdict = rules.judgeOrders
    ? judgeAuthority(held, order.authority, () => order.signed || !rules.signIncarnation).kind
    : 'accept'
  if (verdict !== 'accept' || JSON.stringify(agent.pending ?? agent.memory) === JSON.stringify(order)) return
  const pending: Agent = { ...agent, pending: order }
  const hasty: Agent = { ...pending, memory: order, confirmed: true }
  const name = `agent accepts order ${show(order.authority)}`
  yield { name, next: { ...world, agent: rules.durableBeforeActing ? pending : hasty } }
}

function persist(world: World, order: Order): Step<World> {
  const agent: Agent = { ...world.agent, disk: order, memory: order, pending: null, confirmed: true }
  return { name: `agent has ${show(order.authority)} on disk`, next: { ...world, agent } }
}

/** One action on one container. */
function* act(world: World, rules: Rules): Iterable<Step<World>> {
  const { agent } = world
  const order = agent.memory
  if (order === null) return
  const acting = (name: string, next: Agent): Step<World> => {
    const { acted } = world.ghost
    const acting: World = { ...world, agent: next, ghost: { ...world.ghost, acted: order } }
    const after = order.signed ? acting : break_(acting, 'an agent never acts on an incarnation that nobody signed')
    return { name, next: acted === null ? after : judge(after, acted, order) }
  }
  for (const { id, desired } of order.tasks) {
    const isRunning = agent.running.includes(id)
    const isTaken = rules.oneOfSlotHere && agent.running.some((other) => other[0] === id[0])
    if (desired === 'running' && !isRunning && !agent.ended.includes(id) && !isTaken) {
      yield acting(`agent starts ${id}`, { ...agent, running: [...agent.running, id].sort() })
    }
    if (desired === 'stopped' && isRunning) yield acting(`agent stops ${id}`, ended(agent, id))
    if (desired === 'stopped' && !isRunning && !agent.ended.includes(id)) {
      yield acting(`agent notes that ${id} never ran`, ended(agent, id))
    }
  }
  yield* removeStrays(world, order, acting, rules)
}

function judge(after: World, before: Order, order: Order): World {
  if (isBelow(order.authority, before.authority)) {
    return break_(after, 'an agent never acts on a lower authority than before')
  }
  const isSame = order.authority.incarnation === before.authority.incarnation
  return isSame && order.history !== before.history
    ? break_(after, 'an agent never takes a world that was put back for the one it knew')
    : after
}

/** Containers without a task: an ended one goes, a running one only if so few go that it cannot be a mistake. */
function* removeStrays(
  world: World,
  order: Order,
  acting: (name: string, next: Agent) => Step<World>,
  rules: Rules,
): Iterable<Step<World>> {
  const { agent } = world
  if (!agent.confirmed) return
  const isStray = (id: string): boolean => !order.tasks.some((task) => task.id === id)
  const strays = agent.running.filter(isStray)
  const verdict = guardRemovals(agent.running.length * STANDS_FOR, strays.length * STANDS_FOR)
  for (const id of verdict.allowed || !rules.guardRemovals ? strays : []) {
    const step = acting(`agent removes ${id}, which runs`, {
      ...agent,
      running: agent.running.filter((one) => one !== id),
    })
    const isAsked = world.ghost.stopsAsked.includes(id)
    yield isAsked ? step : { ...step, next: break_(step.next, 'a smaller world removes nothing that runs') }
  }
  for (const id of agent.ended.filter(isStray)) {
    yield acting(`agent removes ${id}, which ended`, { ...agent, ended: agent.ended.filter((one) => one !== id) })
  }
}

function ended(agent: Agent, id: string): Agent {
  return { ...agent, running: agent.running.filter((one) => one !== id), ended: [...agent.ended, id].sort() }
}

function isBelow(a: Authority, b: Authority): boolean {
  if (a.incarnation !== b.incarnation) return a.incarnation < b.incarnation
  return a.epoch !== b.epoch ? a.epoch < b.epoch : a.revision < b.revision
}

function show({ incarnation, epoch, revision }: Authority): string {
  return `${incarnation}.${epoch}.${revision}`
}
