import fc from 'fast-check'
import { expect, test } from 'vitest'
import { aNode, aService, aTask } from '../../../test/builders.ts'
import { endOf, NEW_STATUS, TASK_STATES, type Task, type TaskStatus } from '../model/task.ts'
import { goesOn, planService, type ServicePlan } from './plan-service.ts'

/** What lets a service of thousands be left alone while its tasks say this and that. */

const anyStatus: fc.Arbitrary<TaskStatus> = fc.record({
  state: fc.constantFrom(...TASK_STATES),
  prepared: fc.boolean(),
  ready: fc.boolean(),
  restarts: fc.nat(9),
  failures: fc.nat(9),
  exitCode: fc.constantFrom(null, 0, 1),
  failure: fc.constantFrom(null, 'exit' as const, 'config' as const),
  message: fc.constantFrom('', 'slow'),
  containerId: fc.constantFrom(null, 'c1'),
  address: fc.constant(null),
  startedAt: fc.constantFrom(null, 100),
  readyAt: fc.constantFrom(null, 200),
  finishedAt: fc.constantFrom(null, 300),
})
const anyTask: fc.Arbitrary<Task> = fc
  .record({
    slot: fc.integer({ min: 1, max: 4 }),
    attempt: fc.integer({ min: 1, max: 5 }),
    node: fc.constantFrom(null, 1, 2),
    desired: fc.constantFrom('prepared' as const, 'running' as const, 'stopped' as const),
    specHash: fc.constantFrom('v1', 'v1', 'v1', 'v0'),
    status: anyStatus,
  })
  .map(({ status, ...rest }) => ({ ...aTask(rest), status: { ...NEW_STATUS, ...status } }))
const anyService = fc.record({
  replicas: fc.integer({ min: 1, max: 3 }),
  isGlobal: fc.boolean(),
  order: fc.constantFrom('start-first' as const, 'stop-first' as const),
  hold: fc.constantFrom(null, 'waits for db to be healthy'),
  now: fc.constantFrom(0, 1_000_000),
  tasks: fc.uniqueArray(anyTask, { maxLength: 6, selector: ({ id }) => id }),
  restful: fc.integer({ min: 0, max: 3 }),
})

test('of a service at rest a task that goes on changes nothing of what it needs', () => {
  let atRest = 0
  const law = fc.property(anyService, anyStatus, ({ replicas, isGlobal, order, hold, now, ...given }, news) => {
    const nodes = [aNode({ id: 1 }), aNode({ id: 2 })]
    const mode = isGlobal ? ({ mode: 'global', replicas: 0 } as const) : ({ mode: 'replicated', replicas } as const)
    const spec = aService({ ...mode, update: { order, parallelism: 1 } })
    // Without some slots that are held well hardly anything would be at rest.
    const held = Array.from({ length: given.restful }, (_, i) => aTask({ spec, slot: i + 1, attempt: 6, node: 1 }))
    const others = given.tasks.map((task) => ({ ...task, spec }))
    const plan = (tasks: readonly Task[]): ServicePlan =>
      planService(
        {
          name: 'web',
          spec,
          specHash: 'v1',
          removalAsked: false,
          tasks,
          nodes,
          attemptFloor: 0,
          retryAt: null,
          endSeenAt: endOf,
          hold,
        },
        now,
      )
    const tasks = [...held, ...others]
    const before = plan(tasks)
    if (!before.atRest) return
    for (const [i, task] of tasks.entries()) {
      const changed = { ...task, status: { ...news, state: 'running' as const } }
      // A task that has ended never runs again.
      if (!['assigned', 'preparing', 'starting', 'running'].includes(task.status.state)) continue
      if (!goesOn(changed, 'v1')) continue
      atRest += 1
      expect(plan(tasks.with(i, changed))).toEqual(before)
    }
  })
  fc.assert(law, { numRuns: 3_000 })
  expect(atRest).toBeGreaterThan(300)
})

test('what ends, is to stop, waits, or is of another spec does not go on', () => {
  const all = [
    aTask({ status: { state: 'failed' } }),
    aTask({ status: { state: 'lost' } }),
    aTask({ desired: 'stopped' }),
    aTask({ desired: 'prepared' }),
    aTask({ specHash: 'v0' }),
    aTask({ status: { state: 'pending' } }),
  ]
  expect(all.map((task) => goesOn(task, 'v1'))).toEqual(all.map(() => false))
})
