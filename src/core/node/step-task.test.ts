import fc from 'fast-check'
import { expect, test } from 'vitest'
import { aHealthCheck, aService, aStatus, aTask } from '../../../test/builders.ts'
import { deepFreeze } from '../../../test/deep-freeze.ts'
import { judge, type Task, type TaskStatus } from '../model/task.ts'
import type { HealthState } from './health.ts'
import { newRecord, type TaskRecord } from './record.ts'
import { type SeenContainer, stepTask, type TaskStep } from './step-task.ts'

const container = (change: Partial<SeenContainer> = {}): SeenContainer => ({
  id: 'c1',
  state: 'running',
  exitCode: null,
  outOfMemory: false,
  message: '',
  address: '10.0.0.2',
  startedAt: 1_000,
  finishedAt: null,
  ...change,
})
const exited = (exitCode: number | null, change: Partial<SeenContainer> = {}): SeenContainer =>
  container({ state: 'exited', exitCode, finishedAt: 5_000, ...change })
const record = (status: Partial<TaskStatus> = {}, change: Partial<TaskRecord> = {}): TaskRecord => ({
  ...newRecord(aTask()),
  status: aStatus({
    state: 'running',
    prepared: true,
    ready: true,
    readyAt: 2_000,
    startedAt: 1_000,
    containerId: 'c1',
    ...status,
  }),
  ...change,
})
const assigned = (): TaskRecord =>
  record({ state: 'assigned', prepared: false, ready: false, readyAt: null, startedAt: null, containerId: null })
const task = (change: Parameters<typeof aTask>[0] = {}): Task => aTask(change)
const withPolicy = (restart: 'no' | 'always' | 'on-failure' | 'unless-stopped'): Task =>
  aTask({ spec: aService({ restart }) })
const checked = aTask({ spec: aService({ health: aHealthCheck() }) })
const health = (verdict: HealthState['verdict'], message = ''): HealthState => ({
  startedAt: 1_000,
  since: 1_000,
  verdict,
  failures: 3,
  probes: 3,
  repaired: false,
  nextAt: 0,
  message,
})

/** What a step decided, as one line. */
function line({ record: { status }, action, wakeAt }: TaskStep): string {
  const ready = status.ready ? ' ready' : ''
  const act = action === null ? '' : action.kind === 'stop' && action.repair ? ' -> repair' : ` -> ${action.kind}`
  const why = status.message === '' ? '' : ` (${status.message})`
  return `${status.state}${ready}${why}${act}${wakeAt === null ? '' : ` @${wakeAt}`}`
}

interface Row {
  readonly name: string
  readonly task?: Task
  readonly record?: TaskRecord
  readonly seen: SeenContainer | null
  readonly health?: HealthState
  readonly now?: number
  readonly is: string
}

const ROWS: readonly Row[] = [
  { name: 'creates a container for a new task', record: assigned(), seen: null, is: 'preparing -> create' },
  {
    name: 'pauses before it asks for a container again',
    record: { ...assigned(), failedAt: 9_000, status: aStatus({ state: 'preparing', failures: 3 }) },
    seen: null,
    now: 9_000,
    is: 'preparing @13000',
  },
  {
    name: 'keeps a created container waiting while only prepared is wanted',
    task: task({ desired: 'prepared' }),
    record: assigned(),
    seen: container({ state: 'created', startedAt: null }),
    is: 'preparing',
  },
  {
    name: 'starts a created container when running is wanted',
    record: assigned(),
    seen: container({ state: 'created', startedAt: null }),
    is: 'starting -> start',
  },
  {
    name: 'stops what runs after a first start that broke off',
    record: record({ state: 'starting', ready: false, failure: 'runtime', startedAt: null, message: 'it broke off' }),
    seen: container(),
    is: 'starting (it broke off) -> stop',
  },
  {
    name: 'ends a first start that broke off once nothing runs',
    record: record({ state: 'starting', failure: 'runtime', startedAt: null, message: 'it broke off' }),
    seen: container({ state: 'created', startedAt: null }),
    is: 'failed (it broke off)',
  },
  {
    name: 'counts a task without a check as ready after a second',
    record: assigned(),
    seen: container(),
    now: 2_000,
    is: 'running ready',
  },
  { name: 'waits that second out', record: assigned(), seen: container(), now: 1_500, is: 'running (starting) @2000' },
  {
    name: 'waits for the health check',
    task: checked,
    record: assigned(),
    seen: container(),
    health: health('unknown', 'connection refused'),
    is: 'running (not healthy: connection refused)',
  },
  {
    name: 'is ready when the check succeeds',
    task: checked,
    record: assigned(),
    seen: container(),
    health: health('healthy'),
    is: 'running ready',
  },
  {
    name: 'ignores the health of an earlier run',
    task: checked,
    record: assigned(),
    seen: container({ startedAt: 7_000 }),
    health: health('healthy'),
    is: 'running (waits for its health check)',
  },
  {
    name: 'stops an unhealthy container so that it starts again',
    task: checked,
    seen: container(),
    health: health('unhealthy', 'HTTP 500'),
    is: 'running (unhealthy: HTTP 500) -> stop',
  },
  {
    name: 'gives up a container whose runtime broke off before it was ready, once it is unhealthy',
    task: checked,
    record: record({ ready: false, readyAt: null, message: '' }, { proof: 'interrupted' }),
    seen: container(),
    health: health('unhealthy', 'no answer'),
    is: 'running (its runtime broke off before it was ready, and now it is unhealthy: no answer) -> stop',
  },
  {
    name: 'does not doubt a container that was ready before its runtime broke off',
    task: checked,
    record: record({}, { proof: 'ready' }),
    seen: container(),
    health: health('unhealthy', 'no answer'),
    is: 'running (unhealthy: no answer) -> stop',
  },
  {
    name: 'repairs an unhealthy task that says how',
    task: aTask({ spec: aService({ health: aHealthCheck(), repair: ['mend'] }) }),
    record: record(),
    seen: container(),
    health: health('unhealthy', 'HTTP 500'),
    is: 'running (unhealthy: HTTP 500) -> repair',
  },
  {
    name: 'does not repair a second time before a probe has succeeded',
    task: aTask({ spec: aService({ health: aHealthCheck(), repair: ['mend'] }) }),
    record: record(),
    seen: container(),
    health: { ...health('unhealthy', 'HTTP 500'), repaired: true },
    is: 'running (unhealthy: HTTP 500) -> stop',
  },
  {
    name: 'leaves an unhealthy container running when the policy is no',
    task: aTask({ spec: aService({ health: aHealthCheck(), restart: 'no' }) }),
    seen: container(),
    health: health('unhealthy', 'HTTP 500'),
    is: 'running (not healthy: HTTP 500)',
  },
  { name: 'restarts at once after a first crash', seen: exited(1), is: 'running (exit code 1) -> start' },
  {
    name: 'pauses longer after each crash',
    record: record({ failures: 2 }),
    seen: exited(1),
    is: 'running (exit code 1) @13000',
  },
  {
    name: 'counts one exit once',
    record: record({ failures: 3, ready: false, message: 'exit code 1' }, { countedRun: 1_000, failedAt: 9_000 }),
    seen: exited(1),
    now: 10_000,
    is: 'running (exit code 1) @11000',
  },
  {
    name: 'ends the task after five restarts in ten minutes',
    record: record({}, { restartedAt: [1, 2, 3, 4, 5] }),
    seen: exited(1),
    is: 'failed (exit code 1, after 5 restarts in ten minutes)',
  },
  {
    name: 'ends a job after three restarts',
    task: aTask({ spec: aService({ mode: 'job', restart: 'on-failure' }) }),
    record: record({}, { restartedAt: [1, 2, 3] }),
    seen: exited(1),
    is: 'failed (exit code 1, after 3 restarts in ten minutes)',
  },
  {
    name: 'forgets restarts that are older than ten minutes',
    record: record({}, { restartedAt: [1, 2, 3, 4, 5] }),
    seen: exited(1),
    now: 700_000,
    is: 'running (exit code 1) -> start',
  },
  {
    name: 'ends with success when the policy is on-failure',
    task: withPolicy('on-failure'),
    seen: exited(0),
    is: 'completed',
  },
  { name: 'ends with success when the policy is no', task: withPolicy('no'), seen: exited(0), is: 'completed' },
  {
    name: 'ends with failure when the policy is no',
    task: withPolicy('no'),
    seen: exited(3),
    is: 'failed (exit code 3)',
  },
  {
    name: 'restarts even after success when the policy is always',
    task: withPolicy('always'),
    seen: exited(0),
    is: 'running (exit code 0) -> start',
  },
  {
    name: 'restarts by unless-stopped',
    task: withPolicy('unless-stopped'),
    seen: exited(0),
    is: 'running (exit code 0) -> start',
  },
  {
    name: 'says that memory ran out',
    seen: exited(137, { outOfMemory: true }),
    is: 'running (out of memory) -> start',
  },
  {
    name: 'tells what the runtime says of an end',
    seen: exited(null, { message: 'the shim was killed' }),
    is: 'running (it ended: the shim was killed) -> start',
  },
  {
    name: 'does not call an end by health check a success',
    task: withPolicy('on-failure'),
    record: record({ failure: 'unhealthy', message: 'unhealthy: HTTP 500' }, { countedRun: 1_000, failedAt: 9_000 }),
    seen: exited(0),
    is: 'running (unhealthy: HTTP 500) -> start',
  },
  {
    name: 'starts a parked container again without counting',
    record: record({ ready: false }, { parked: true }),
    seen: exited(0),
    is: 'running -> start',
  },
  {
    name: 'ends a task whose container somebody removed',
    seen: null,
    is: 'failed (its container was removed by somebody else)',
  },
  {
    name: 'stops what is not wanted',
    task: task({ desired: 'stopped' }),
    seen: container(),
    is: 'running (stopping) -> stop',
  },
  {
    name: 'is stopped when its container has ended',
    task: task({ desired: 'stopped' }),
    seen: exited(0),
    is: 'stopped',
  },
  {
    name: 'is stopped when it never had a container',
    task: task({ desired: 'stopped' }),
    record: assigned(),
    seen: null,
    is: 'stopped',
  },
  {
    name: 'stops a container whose task has ended',
    record: record({ state: 'lost', ready: false }),
    seen: container(),
    is: 'lost -> stop',
  },
  {
    name: 'says that a task that was given up does not run, even when it never heard of it before',
    record: record({ state: 'lost', ready: false }),
    seen: null,
    is: 'stopped',
  },
  {
    name: 'keeps the container of an ended task',
    record: record({ state: 'failed', ready: false }),
    seen: exited(1),
    is: 'failed',
  },
  {
    name: 'remembers failures until ten healthy minutes have passed',
    record: record({ failures: 2 }),
    seen: container(),
    is: 'running ready @602000',
  },
]

test.each(ROWS)('step of a task: $name', ({
  task: given = aTask(),
  record: before = record(),
  seen,
  health: probed = null,
  now = 11_000,
  is,
}) => {
  expect(line(stepTask(deepFreeze(given), deepFreeze(before), seen, probed, now))).toBe(is)
})

const DAY = 86_400_000

test.each<Row>([
  {
    name: 'a start that lies ahead is settled a second after it was first seen',
    record: record({ ready: false, readyAt: null, startedAt: null }),
    seen: container({ startedAt: DAY }),
    is: 'running (starting) @12000',
  },
  {
    name: 'a start that lies ahead and was seen before is settled',
    record: record({ ready: false, readyAt: null, startedAt: DAY }),
    seen: container({ startedAt: DAY }),
    is: 'running ready',
  },
  {
    name: 'a pause after a failure that lies ahead is over',
    record: record({ failures: 4, ready: false, message: 'exit code 1' }, { countedRun: 1_000, failedAt: DAY }),
    seen: exited(1),
    is: 'running (exit code 1) -> start',
  },
  {
    name: 'a pause before the next container is over',
    record: { ...assigned(), failedAt: DAY, status: aStatus({ state: 'preparing', failures: 3 }) },
    seen: null,
    is: 'preparing -> create',
  },
  {
    name: 'restarts that lie ahead are not recent',
    record: record({}, { restartedAt: [1, 2, 3, 4, 5].map((n) => DAY + n) }),
    seen: exited(1),
    is: 'running (exit code 1) -> start',
  },
])('after the clock was set back: $name', ({ record: before = record(), seen, now = 11_000, is }) => {
  expect(line(stepTask(aTask(), deepFreeze(before), seen, null, now))).toBe(is)
})

test('failures are forgiven after ten healthy minutes', () => {
  const step = stepTask(aTask(), record({ failures: 4 }), container(), null, 602_000)
  expect(step.record.status.failures).toBe(0)
})

test('a step that has nothing to say returns the very same record', () => {
  const before = stepTask(aTask(), record(), container(), null, 5_000).record
  expect(stepTask(aTask(), before, container(), null, 6_000).record).toBe(before)
})

test.each([
  {
    seen: container({ state: 'created', startedAt: null }),
    is: 'preparing (it waits for the leader to renew its lease)',
  },
  { seen: container(), is: 'running (it waits for the leader to renew its lease) -> stop' },
  {
    seen: container({ state: 'exited', exitCode: 137 }),
    is: 'running (it waits for the leader to renew its lease)',
  },
])('without a lease a task that is $seen.state is not run, and nothing is counted', ({ seen, is }) => {
  const before = record({ state: seen.state === 'created' ? 'preparing' : 'running', ready: false })
  const step = stepTask(aTask(), before, seen, null, 11_000, 11_000)
  expect(line(step)).toBe(is)
  expect(step.record.status.failures).toBe(0)
})

test('a task that was stopped for want of a lease starts again when it has one, whatever its exit code was', () => {
  const seen = container({ state: 'exited', exitCode: 137, finishedAt: 11_000 })
  const given = aTask({ spec: aService({ restart: 'no', exclusive: true, leaseMs: 30_000 }) })
  const waiting = stepTask(given, record(), seen, null, 11_000, 11_000).record
  expect(stepTask(given, waiting, seen, null, 12_000, 20_000)).toMatchObject({
    action: { kind: 'start' },
    record: { status: { restarts: 0, failures: 0 } },
  })
})

test('a task that failed before its lease ended makes its pause when it has one again', () => {
  const seen = container({ state: 'exited', exitCode: 1, finishedAt: 10_000 })
  const failed = stepTask(aTask(), record({ failures: 2 }), seen, null, 10_000).record
  const waiting = stepTask(aTask(), failed, seen, null, 10_100, 10_050).record
  expect(stepTask(aTask(), waiting, seen, null, 10_200, 20_000)).toMatchObject({ action: null, wakeAt: 12_000 })
})

test('a task that ended by itself while nobody looked is not excused by the end of its lease', () => {
  const seen = container({ state: 'exited', exitCode: 1, finishedAt: 10_000 })
  expect(stepTask(aTask(), record(), seen, null, 15_000, 12_000).record.status).toMatchObject({ failures: 1 })
})

test('a task with a lease is looked at again when it must stop', () => {
  expect(stepTask(aTask(), record(), container(), null, 11_000, 15_000).wakeAt).toBe(15_000)
})

test('a run that a repair seemed to have mended, and that ends by our signal after all, is no success', () => {
  const given = aTask({ spec: aService({ health: aHealthCheck(), repair: ['mend'], restart: 'on-failure' }) })
  const bad = health('unhealthy', 'HTTP 500')
  const first = stepTask(given, record(), container(), bad, 11_000).record
  const mended = stepTask(given, first, container(), { ...health('unknown', ''), repaired: true }, 12_000).record
  const again = stepTask(given, mended, container(), { ...bad, repaired: true }, 13_000).record
  const seen = container({ state: 'exited', exitCode: 0, finishedAt: 14_000 })
  expect(stepTask(given, again, seen, null, 14_000).record.status).toMatchObject({ state: 'running', failures: 1 })
})

const anyRecord = fc
  .record({
    state: fc.constantFrom<TaskStatus['state']>(
      'assigned',
      'preparing',
      'starting',
      'running',
      'completed',
      'failed',
      'stopped',
      'rejected',
      'lost',
    ),
    prepared: fc.boolean(),
    ready: fc.boolean(),
    failures: fc.nat(8),
    parked: fc.boolean(),
    counted: fc.option(fc.constantFrom(1_000, 2_000)),
  })
  .map(({ parked, counted, ...status }) =>
    record(status, { parked, countedRun: counted, failedAt: counted === null ? null : 4_000 }),
  )
const anySeen = fc.constantFrom(
  null,
  container(),
  container({ state: 'created', startedAt: null }),
  exited(0),
  exited(1),
  exited(null),
)
const anyTask = fc
  .record({
    desired: fc.constantFrom<Task['desired']>('prepared', 'running', 'stopped'),
    restart: fc.constantFrom('no' as const, 'always' as const, 'on-failure' as const, 'unless-stopped' as const),
  })
  .map(({ desired, restart }) => aTask({ desired, spec: aService({ restart }) }))

test('a state never goes back, and only the agent’s states are written', () => {
  fc.assert(
    fc.property(anyTask, anyRecord, anySeen, fc.nat(700_000), (given, before, seen, now) => {
      const after = stepTask(given, before, seen, null, now).record.status.state
      // What a leader gave up is not the agent's own word: it says that it has stopped.
      const isWordForLost = before.status.state === 'lost' && after === 'stopped'
      const advances = judge(before.status.state, after, 'agent') === 'advance'
      expect(after === before.status.state || advances || isWordForLost).toBe(true)
    }),
  )
})

test('a task that has ended, or is not wanted, is never created or started', () => {
  fc.assert(
    fc.property(anyTask, anyRecord, anySeen, fc.nat(700_000), (given, before, seen, now) => {
      const step = stepTask(given, before, seen, null, now)
      const over =
        given.desired === 'stopped' ||
        ['completed', 'failed', 'stopped', 'rejected', 'lost'].includes(before.status.state)
      if (over) expect(['create', 'start']).not.toContain(step.action?.kind)
    }),
  )
})
