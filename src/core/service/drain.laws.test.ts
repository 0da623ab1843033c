import fc from 'fast-check'
import { expect, test } from 'vitest'
import { aNode, aService, aTask } from '../../../test/builders.ts'
import type { Availability, Node } from '../model/node.ts'
import type { ServiceSpec } from '../model/service.ts'
import { endOf, isAlive, isWanted, NEW_STATUS, type Task } from '../model/task.ts'
import { planService, type ServiceAction } from './plan-service.ts'

/** What every drain keeps to, from its first decision until nothing is left to decide. */

const ROUNDS = 60

const anySpec = fc
  .record({
    replicas: fc.integer({ min: 1, max: 5 }),
    order: fc.constantFrom('start-first' as const, 'stop-first' as const),
    parallelism: fc.integer({ min: 1, max: 3 }),
    global: fc.boolean(),
  })
  .map(({ replicas, order, parallelism, global }) =>
    aService({
      mode: global ? 'global' : 'replicated',
      replicas: global ? 0 : replicas,
      update: { order, parallelism },
    }),
  )
const anyNodes = fc
  .array(fc.constantFrom<Availability>('active', 'pause', 'drain'), { minLength: 1, maxLength: 4 })
  .map((availabilities) => availabilities.map((availability, i) => aNode({ id: i + 1, availability })))

/** A ready task in each slot, the nodes in turn. */
function settled(spec: ServiceSpec, nodes: readonly Node[]): Task[] {
  const slots = spec.mode === 'global' ? nodes.length : spec.replicas
  return Array.from({ length: slots }, (_, i) => aTask({ spec, slot: i + 1, node: (i % nodes.length) + 1 }))
}

function decide(spec: ServiceSpec, nodes: readonly Node[], tasks: readonly Task[]): readonly ServiceAction[] {
  const rest = { removalAsked: false, attemptFloor: 0, retryAt: null, endSeenAt: endOf, hold: null }
  return planService({ name: spec.name, spec, specHash: 'v1', tasks, nodes, ...rest }, 0).actions
}

/** Carries decisions out, gives new tasks a node that takes them, and lets every agent go a step. */
function step(spec: ServiceSpec, nodes: readonly Node[], tasks: readonly Task[], random: () => number): Task[] {
  const after = new Map(tasks.map((task) => [task.id, task]))
  const open = nodes.filter(({ availability }) => availability === 'active')
  for (const action of decide(spec, nodes, tasks)) {
    if (action.kind === 'createTask') {
      const { slot, attempt, desired } = action
      const node = open[random() % Math.max(1, open.length)]?.id ?? null
      const refusal = node === null ? 'drained' : null
      const task = aTask({ spec, slot, attempt, desired, node, refusal })
      after.set(task.id, { ...task, status: { ...NEW_STATUS, state: node === null ? 'pending' : 'assigned' } })
    } else if (action.kind === 'setDesired') {
      const task = after.get(action.taskId)
      if (task !== undefined) after.set(task.id, { ...task, desired: action.desired })
    } else if (action.kind === 'removeTask') after.delete(action.taskId)
  }
  // An agent may be slow, so that what it does lies any number of decisions later.
  return [...after.values()].map((task) => (random() % 3 === 0 ? task : lived(task)))
}

function lived(task: Task): Task {
  const { status, desired } = task
  if (!isAlive(task) || (status.state === 'pending' && desired !== 'stopped')) return task
  if (desired === 'stopped') return { ...task, status: { ...status, state: 'stopped', ready: false, finishedAt: 0 } }
  if (!status.prepared) return { ...task, status: { ...status, state: 'preparing', prepared: true } }
  if (desired === 'prepared') return task
  return { ...task, status: { ...status, state: 'running', ready: status.state === 'running' } }
}

function served(tasks: readonly Task[]): number {
  return new Set(tasks.filter((task) => isWanted(task) && task.status.ready).map(({ slot }) => slot)).size
}

const anyWorld = fc.tuple(anySpec, anyNodes, fc.infiniteStream(fc.nat(1_000)))

test('at no time does a drain take down more than an update may, nor set more tasks on their way', () => {
  fc.assert(
    fc.property(anyWorld, ([spec, nodes, numbers]) => {
      const random = (): number => numbers.next().value ?? 0
      let tasks = settled(spec, nodes)
      const stays = nodes.filter(({ availability }) => availability !== 'drain').length
      const slots = spec.mode === 'global' ? stays : spec.replicas
      const floor =
        spec.update.order === 'start-first' || spec.mode === 'global' ? slots : slots - spec.update.parallelism
      for (let round = 0; round < ROUNDS; round++) {
        tasks = step(spec, nodes, tasks, random)
        expect(served(tasks)).toBeGreaterThanOrEqual(Math.max(0, floor))
        const moving = tasks.filter((task) => isWanted(task) && task.node !== null && !task.status.ready)
        expect(moving.length).toBeLessThanOrEqual(spec.update.parallelism)
      }
    }),
  )
})

test('a drained node is empty in the end where others take its tasks; else all goes on as it was', () => {
  fc.assert(
    fc.property(anyWorld, ([spec, nodes, numbers]) => {
      const random = (): number => numbers.next().value ?? 0
      const before = settled(spec, nodes)
      let tasks = before
      for (let round = 0; round < ROUNDS; round++) tasks = step(spec, nodes, tasks, random)
      const left = tasks.filter((task) => isAlive(task) && nodes[(task.node ?? 0) - 1]?.availability === 'drain')
      const open = nodes.some(({ availability }) => availability === 'active')
      if (open || spec.mode === 'global') {
        expect(left).toEqual([])
        expect(decide(spec, nodes, tasks).filter(({ kind }) => kind !== 'removeTask')).toEqual([])
      } else expect(tasks.filter(({ attempt }) => attempt === 1)).toEqual(before)
    }),
  )
})

test('what runs on a node that is paused or active is not touched by the drain of another', () => {
  fc.assert(
    fc.property(anyWorld, ([spec, nodes, numbers]) => {
      const random = (): number => numbers.next().value ?? 0
      const before = settled(spec, nodes)
      let tasks = before
      for (let round = 0; round < ROUNDS; round++) tasks = step(spec, nodes, tasks, random)
      const kept = before.filter(({ node }) => nodes[(node ?? 0) - 1]?.availability !== 'drain')
      for (const task of kept) expect(tasks).toContainEqual(task)
    }),
  )
})
