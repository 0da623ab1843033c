import fc from 'fast-check'
import { expect, test } from 'vitest'
import { aNode, aService, aTask } from '../../../test/builders.ts'
import { deepFreeze } from '../../../test/deep-freeze.ts'
import type { ServiceSpec } from '../model/service.ts'
import { endOf, isAlive, isWanted, NEW_STATUS, type Task, type TaskStatus } from '../model/task.ts'
import { isServing, planService, type ServiceAction, type ServiceInput } from './plan-service.ts'

/** An action as one short line, so that a row reads like what the user sees. */
function line(action: ServiceAction): string {
  switch (action.kind) {
    case 'createTask':
      return `+ ${action.slot}.${action.attempt} ${action.desired}${action.failures > 0 ? ` after ${action.failures}` : ''}`
    case 'setDesired':
      return `${action.desired === 'stopped' ? '-' : '>'} ${action.taskId}`
    case 'setSpec':
      return `~ ${action.taskId}`
    case 'removeTask':
      return `x ${action.taskId}`
    case 'raiseFloor':
      return `floor ${action.attempt}`
  }
}

function input(change: Partial<ServiceInput> = {}): ServiceInput {
  return {
    name: 'web',
    spec: aService(),
    specHash: 'v1',
    removalAsked: false,
    tasks: [],
    nodes: [aNode()],
    attemptFloor: 0,
    retryAt: null,
    endSeenAt: endOf,
    hold: null,
    ...change,
  }
}

const spec = (change: Parameters<typeof aService>[0] = {}): ServiceSpec => aService(change)
const running = (slot = 1, attempt = 1, change: Partial<Task> = {}): Task => aTask({ slot, attempt, ...change })
const ended = (state: TaskStatus['state'], attempt = 1, status: Partial<TaskStatus> = {}, slot = 1): Task =>
  aTask({ slot, attempt, status: { state, ready: false, finishedAt: 1_000, ...status } })
const old = (slot = 1, attempt = 1, status: Partial<TaskStatus> = {}): Task =>
  aTask({ slot, attempt, specHash: 'v0', status })
const prepared = (slot: number, attempt: number, status: Partial<TaskStatus> = {}): Task =>
  aTask({ slot, attempt, desired: 'prepared', status: { state: 'preparing', ready: false, ...status } })
const startFirst = { order: 'start-first', parallelism: 1 } as const

const ROWS: readonly {
  name: string
  given: Partial<ServiceInput>
  now?: number
  plan: string[]
  wakeAt?: number | null
}[] = [
  { name: 'fills empty slots', given: { spec: spec({ replicas: 2 }) }, plan: ['+ 1.1 running', '+ 2.1 running'] },
  { name: 'starts attempts above those of a removed service', given: { attemptFloor: 7 }, plan: ['+ 1.8 running'] },
  {
    name: 'prepares a task whose dependency is not healthy',
    given: { hold: 'waits for db' },
    plan: ['+ 1.1 prepared'],
  },
  {
    name: 'lets a prepared task start once nothing is in its way',
    given: { tasks: [prepared(1, 1)] },
    plan: ['> web.1.1'],
  },
  {
    name: 'keeps a prepared task waiting for its dependency',
    given: { tasks: [prepared(1, 1)], hold: 'waits for db' },
    plan: [],
  },
  {
    name: 'moves a task off a node that is drained, and lets it serve until then',
    given: { tasks: [running(1)], nodes: [aNode({ availability: 'drain' }), aNode({ id: 2 })] },
    plan: ['+ 1.2 prepared'],
  },
  {
    name: 'starts the new task beside the one that is to leave, where the update does so',
    given: { spec: spec({ update: startFirst }), tasks: [running(1)], nodes: [aNode({ availability: 'drain' })] },
    plan: ['+ 1.2 running'],
  },
  {
    name: 'stops the task that is to leave when its successor is ready',
    given: {
      spec: spec({ update: startFirst }),
      tasks: [running(1), running(1, 2, { node: 2 })],
      nodes: [aNode({ availability: 'drain' }), aNode({ id: 2 })],
    },
    plan: ['- web.1.1'],
  },
  {
    name: 'moves as many slots at once as an update may',
    given: {
      spec: spec({ replicas: 3, update: { order: 'start-first', parallelism: 2 } }),
      tasks: [running(1), running(2), running(3)],
      nodes: [aNode({ availability: 'drain' }), aNode({ id: 2 })],
    },
    plan: ['+ 1.2 running', '+ 2.2 running'],
  },
  {
    name: 'remembers the failures of a task that it moves',
    given: {
      spec: spec({ update: startFirst }),
      tasks: [aTask({ status: { failures: 3, ready: false } })],
      nodes: [aNode({ availability: 'drain' })],
    },
    plan: ['+ 1.2 running after 3'],
  },
  {
    name: 'keeps what runs on a node that takes no new tasks',
    given: { tasks: [running(1)], nodes: [aNode({ availability: 'pause' })] },
    plan: [],
  },
  {
    name: 'stops the task of a global service on a node that is drained',
    given: {
      spec: spec({ mode: 'global' }),
      tasks: [running(1), running(2, 1, { node: 2 })],
      nodes: [aNode(), aNode({ id: 2, availability: 'drain' })],
    },
    plan: ['- web.2.1'],
  },
  {
    name: 'moves a task off a node whose placement is another one now',
    given: {
      spec: spec({ placements: ['edge'], update: startFirst }),
      tasks: [running(1, 1, { placement: 'edge' })],
      nodes: [aNode({ placement: 'core' })],
    },
    plan: ['+ 1.2 running'],
  },
  {
    name: 'stays where it is when the drain is called off, and stops the task that was to follow',
    given: { tasks: [running(1), prepared(1, 2, { state: 'assigned' })].map((task) => ({ ...task, node: 1 })) },
    plan: ['- web.1.2'],
  },
  {
    name: 'a task that is to leave still gets what changes in place',
    given: {
      spec: spec({ replicas: 1, restart: 'on-failure' }),
      tasks: [running(1), prepared(1, 2, { state: 'pending', prepared: false })].map((task, i) => ({
        ...task,
        node: i === 0 ? 1 : null,
      })),
      nodes: [aNode({ availability: 'drain' })],
    },
    plan: ['~ web.1.1'],
  },
  {
    name: 'leaves a task that is on its way alone',
    given: { tasks: [running(1, 1, { status: { ...NEW_STATUS, state: 'starting' } })] },
    plan: [],
  },
  {
    name: 'empties surplus slots',
    given: { tasks: [running(1), running(2)] },
    plan: ['- web.2.1'],
  },
  {
    name: 'forgets the tasks of a slot that is gone, and never reuses their attempts',
    given: { tasks: [running(1), ended('stopped', 3, {}, 2), ended('failed', 2, {}, 2)] },
    plan: ['x web.2.3', 'x web.2.2', 'floor 3'],
  },
  {
    name: 'waits for a stopping task to free its slot',
    given: { tasks: [running(1, 1, { desired: 'stopped' })] },
    plan: [],
  },
  {
    name: 'replaces a failed task after its back-off',
    given: { tasks: [ended('failed', 1, { failures: 4 })] },
    now: 5_000,
    plan: ['+ 1.2 running after 4'],
  },
  {
    name: 'holds back until the back-off is over',
    given: { tasks: [ended('failed', 1, { failures: 4 })] },
    now: 4_999,
    plan: [],
    wakeAt: 5_000,
  },
  {
    name: 'leaves a failed task alone when the policy is no',
    given: { spec: spec({ restart: 'no' }), tasks: [ended('failed')] },
    now: 99_000,
    plan: [],
  },
  {
    name: 'tries a task that ended for good again when it was asked for',
    given: { spec: spec({ restart: 'no' }), tasks: [ended('failed')], retryAt: 2_000 },
    now: 99_000,
    plan: ['+ 1.2 running'],
  },
  {
    name: 'leaves a job that failed for good alone',
    given: { spec: spec({ mode: 'job', restart: 'on-failure' }), tasks: [ended('failed', 1, { failure: 'exit' })] },
    now: 99_000,
    plan: [],
  },
  {
    name: 'tries a job again that failed by no fault of its own',
    given: { spec: spec({ mode: 'job', restart: 'on-failure' }), tasks: [ended('failed', 1, { failure: 'runtime' })] },
    now: 99_000,
    plan: ['+ 1.2 running'],
  },
  {
    name: 'leaves a completed task alone',
    given: { spec: spec({ restart: 'on-failure' }), tasks: [ended('completed')] },
    now: 99_000,
    plan: [],
  },
  {
    name: 'replaces a lost task at once, whatever the policy',
    given: { spec: spec({ restart: 'no' }), tasks: [ended('lost')] },
    plan: ['+ 1.2 running'],
  },
  {
    name: 'replaces a task that a user stopped when the policy is always',
    given: { tasks: [{ ...ended('stopped'), stoppedByUser: true }] },
    plan: ['+ 1.2 running'],
  },
  {
    name: 'leaves a task that a user stopped when the policy is unless-stopped',
    given: { spec: spec({ restart: 'unless-stopped' }), tasks: [{ ...ended('stopped'), stoppedByUser: true }] },
    plan: [],
  },
  {
    name: 'keeps the last three ended attempts of a slot',
    given: { tasks: [running(1, 5), ended('failed', 4), ended('failed', 3), ended('failed', 2), ended('failed', 1)] },
    plan: ['x web.1.1'],
  },
  {
    name: 'stops a surplus attempt and keeps the ready one',
    given: { tasks: [running(1, 1), aTask({ attempt: 2, status: { ready: false } })] },
    plan: ['- web.1.2'],
  },
  {
    name: 'stops a surplus attempt and keeps the newest',
    given: { tasks: [running(1, 1), running(1, 2)] },
    plan: ['- web.1.1'],
  },
  {
    name: 'stops everything of a service that a user removed',
    given: { spec: null, specHash: null, removalAsked: true, tasks: [running()] },
    plan: ['- web.1.1'],
  },
  {
    name: 'does nothing to a service that vanished unasked',
    given: { spec: null, specHash: null, tasks: [running()] },
    plan: [],
  },
  {
    name: 'gives a global service a slot on each node of its placement',
    given: {
      spec: spec({ mode: 'global', replicas: 0, placements: ['db'] }),
      nodes: [aNode({ id: 2, placement: 'db' }), aNode({ id: 1 }), aNode({ id: 5, placement: 'db' })],
    },
    plan: ['+ 2.1 running', '+ 5.1 running'],
  },
  {
    name: 'changes a spec in place where no new container is needed',
    given: { spec: spec({ restart: 'on-failure' }), tasks: [running()] },
    plan: ['~ web.1.1'],
  },
  {
    name: 'stop-first: prepares the new task while the old one serves',
    given: { tasks: [old()] },
    plan: ['+ 1.2 prepared'],
  },
  {
    name: 'stop-first: stops the old task when the new one is prepared',
    given: { tasks: [old(), prepared(1, 2)] },
    plan: ['- web.1.1'],
  },
  {
    name: 'stop-first: keeps the old task while the image is pulled',
    given: { tasks: [old(), prepared(1, 2, { prepared: false })] },
    plan: [],
  },
  {
    name: 'stop-first: starts the new task when the old one has ended',
    given: { tasks: [{ ...old(1, 1, { state: 'stopped', ready: false }), desired: 'stopped' }, prepared(1, 2)] },
    plan: ['> web.1.2'],
  },
  {
    name: 'stop-first: keeps the old task while a dependency of the new one is missing',
    given: { tasks: [old(), prepared(1, 2)], hold: 'waits for db' },
    plan: [],
  },
  {
    name: 'moves one slot at a time',
    given: { spec: spec({ replicas: 3 }), tasks: [old(1), old(2), old(3)] },
    plan: ['+ 1.2 prepared'],
  },
  {
    name: 'goes on to the next slot when the one before is ready',
    given: { spec: spec({ replicas: 2 }), tasks: [running(1, 2), old(2)] },
    plan: ['+ 2.2 prepared'],
  },
  {
    name: 'holds the rollout while a new task is not ready',
    given: {
      spec: spec({ replicas: 2 }),
      tasks: [running(1, 2, { status: { ...aTask().status, ready: false } }), old(2)],
    },
    plan: [],
  },
  {
    name: 'stop-first: never goes below what parallelism allows',
    given: { spec: spec({ replicas: 2 }), tasks: [old(1, 1, { ready: false }), old(2), prepared(2, 2)] },
    plan: ['+ 1.2 prepared'],
  },
  {
    name: 'replaces a slot in trouble first',
    given: { spec: spec({ replicas: 2 }), tasks: [old(1), old(2, 1, { ready: false })] },
    plan: ['+ 2.2 prepared'],
  },
  {
    name: 'is not held up by a slot that no node can take',
    given: {
      spec: spec({ replicas: 2 }),
      tasks: [old(1), prepared(1, 2), aTask({ slot: 2, node: null, refusal: 'no room', status: { ...NEW_STATUS } })],
    },
    plan: ['- web.1.1'],
  },
  {
    name: 'counts a slot that its old task serves while no node can take the new one',
    given: {
      spec: spec({ replicas: 3 }),
      tasks: [
        ...[old(1), prepared(1, 2), old(2), prepared(2, 2), old(3)],
        aTask({ slot: 3, attempt: 2, desired: 'prepared', node: null, refusal: 'no room', status: NEW_STATUS }),
      ],
    },
    plan: ['- web.1.1'],
  },
  {
    name: 'start-first: starts the new task beside the old one',
    given: { spec: spec({ update: startFirst }), tasks: [old()] },
    plan: ['+ 1.2 running'],
  },
  {
    name: 'start-first: stops the old task when the new one is ready',
    given: { spec: spec({ update: startFirst }), tasks: [old(), running(1, 2)] },
    plan: ['- web.1.1'],
  },
  {
    name: 'start-first: keeps the old task while the new one is not ready',
    given: {
      spec: spec({ update: startFirst }),
      tasks: [old(), running(1, 2, { status: { ...aTask().status, ready: false } })],
    },
    plan: [],
  },
  {
    name: 'waits before it tries a failed new spec again, and keeps the old task',
    given: { tasks: [old(1, 1), ended('rejected', 2, { failures: 3 })] },
    now: 2_000,
    plan: [],
    wakeAt: 3_000,
  },
]

test.each(ROWS)('plan of a service: $name', ({ name, given, now = 1_000, plan, wakeAt = null }) => {
  const whole = input(given)
  // A task of the newest spec carries that very object, unless the row is about a spec that moved on in place.
  const sameSpec = (task: Task): Task =>
    task.specHash === 'v1' && whole.spec !== null ? { ...task, spec: whole.spec } : task
  const tasks = name.includes('in place') ? whole.tasks : whole.tasks.map(sameSpec)
  const actual = planService(deepFreeze({ ...whole, tasks }), now)
  expect({ plan: actual.actions.map(line), wakeAt: actual.wakeAt }).toEqual({ plan, wakeAt })
})

test('a service that vanished unasked is reported, not removed', () => {
  const plan = planService(input({ spec: null, specHash: null, tasks: [running()] }), 0)
  expect(plan.blocked).toContain('nobody asked')
})

const anyStatus = fc.constantFrom<Partial<TaskStatus>>(
  { state: 'pending', prepared: false, ready: false },
  { state: 'preparing', ready: false, prepared: false },
  { state: 'preparing', ready: false },
  { state: 'running', ready: false },
  { state: 'running', ready: true },
  { state: 'failed', ready: false, finishedAt: 0, failures: 2 },
  { state: 'stopped', ready: false, finishedAt: 0 },
  { state: 'completed', ready: false, finishedAt: 0 },
)
const anyTasks = fc
  .uniqueArray(
    fc.record({
      slot: fc.integer({ min: 1, max: 4 }),
      attempt: fc.integer({ min: 1, max: 4 }),
      specHash: fc.constantFrom('v0', 'v1'),
      desired: fc.constantFrom<Task['desired']>('prepared', 'running', 'stopped'),
      status: anyStatus,
    }),
    { selector: ({ slot, attempt }) => `${slot}.${attempt}`, maxLength: 8 },
  )
  .map((tasks) => tasks.map((task) => aTask(task)))
const anySpec = fc
  .record({
    replicas: fc.integer({ min: 0, max: 4 }),
    order: fc.constantFrom('start-first' as const, 'stop-first' as const),
    parallelism: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ replicas, order, parallelism }) => aService({ replicas, update: { order, parallelism } }))

/** Carries actions out as the loops would. */
function carriedOut(tasks: readonly Task[], actions: readonly ServiceAction[], wanted: ServiceSpec): Task[] {
  const after = new Map(tasks.map((task) => [task.id, task]))
  for (const action of actions) {
    if (action.kind === 'createTask') {
      const task = aTask({
        spec: wanted,
        slot: action.slot,
        attempt: action.attempt,
        desired: action.desired,
        node: null,
        status: { ...NEW_STATUS },
      })
      expect(after.has(task.id)).toBe(false)
      after.set(task.id, task)
    } else if (action.kind === 'setDesired') {
      const task = after.get(action.taskId)
      if (task)
        after.set(task.id, {
          ...task,
          desired: action.desired,
          ...(task.status.state === 'pending' && action.desired === 'stopped'
            ? { status: { ...task.status, state: 'stopped' as const } }
            : {}),
        })
    } else if (action.kind === 'setSpec') {
      const task = after.get(action.taskId)
      if (task) after.set(task.id, { ...task, spec: wanted })
    } else if (action.kind === 'removeTask') after.delete(action.taskId)
  }
  return [...after.values()]
}

test('a plan that was carried out asks for no second task in a slot and reuses no id', () => {
  fc.assert(
    fc.property(anyTasks, anySpec, fc.nat(100_000), (tasks, wanted, now) => {
      const first = planService(input({ spec: wanted, tasks }), now).actions
      const after = carriedOut(tasks, first, wanted)
      const taken = new Set(after.filter((task) => isWanted(task) && task.specHash === 'v1').map(({ slot }) => slot))
      const second = planService(input({ spec: wanted, tasks: after }), now).actions
      expect(second.filter((action) => action.kind === 'createTask' && taken.has(action.slot))).toEqual([])
    }),
  )
})

test('a plan does not depend on the order in which tasks are listed', () => {
  fc.assert(
    fc.property(anyTasks, anySpec, fc.nat(100_000), (tasks, wanted, now) => {
      const lines = (list: readonly Task[]): string[] =>
        planService(input({ spec: wanted, tasks: list }), now)
          .actions.map(line)
          .sort()
      expect(lines([...tasks].reverse())).toEqual(lines(tasks))
    }),
  )
})

test('a rollout never takes ready slots below replicas minus parallelism', () => {
  fc.assert(
    fc.property(anyTasks, anySpec, fc.nat(100_000), (anyhow, wanted, now) => {
      const tasks = anyhow.map((task) => (task.specHash === 'v1' ? { ...task, spec: wanted } : task))
      const after = carriedOut(tasks, planService(input({ spec: wanted, tasks }), now).actions, wanted)
      // A slot whose new task has done its work is not to serve any more.
      const expected = Array.from({ length: wanted.replicas }, (_, i) => i + 1).filter((slot) => !isDone(tasks, slot))
      const floor =
        wanted.update.order === 'start-first' ? expected.length : expected.length - wanted.update.parallelism
      expect(servedOf(after, expected)).toBeGreaterThanOrEqual(Math.min(servedOf(tasks, expected), floor))
    }),
  )
})

function servedOf(tasks: readonly Task[], slots: readonly number[]): number {
  const serving = tasks.filter((task) => isAlive(task) && task.desired !== 'stopped' && task.status.ready)
  return new Set(serving.map(({ slot }) => slot).filter((slot) => slots.includes(slot))).size
}

function isDone(tasks: readonly Task[], slot: number): boolean {
  const inSlot = tasks.filter((task) => task.slot === slot).sort((a, b) => b.attempt - a.attempt)
  const newest = inSlot[0]
  return newest?.specHash === 'v1' && newest.status.state === 'completed'
}

test('a service serves when every slot has a ready task or a finished job', () => {
  const nodes = [aNode()]
  expect(isServing(aService({ replicas: 2 }), [running(1)], nodes)).toBe(false)
  expect(isServing(aService({ replicas: 2 }), [running(1), running(2)], nodes)).toBe(true)
  expect(isServing(aService({ mode: 'job' }), [ended('completed')], nodes)).toBe(true)
  expect(isServing(aService({ replicas: 0 }), [], nodes)).toBe(false)
})
