import { expect, test } from 'vitest'
import { aHealthCheck, aNode, aService, aTask } from '../../../test/builders.ts'
import { specHash } from '../manifest/diff.ts'
import type { Event } from '../model/event.ts'
import type { ServiceSpec } from '../model/service.ts'
import { FAILURES, type Task, type TaskState } from '../model/task.ts'
import { explainService, explainTask, type Surroundings } from './explain.ts'
import { viewService } from './view.ts'

const big = aService({ resources: { cpuMillis: 0, memoryBytes: 1_073_741_824, diskBytes: 0 } })
const checked = aService({ health: aHealthCheck() })
const smallNode = aNode({ capacity: { cpuMillis: 1_000, memoryBytes: 536_870_912, diskBytes: 0 } })
const refused = {
  node: null,
  refusal: 'not enough memory (1 node)',
  status: { state: 'pending', ready: false },
} as const

function about(task: Task, around: Partial<Surroundings> = {}): string[] {
  const { summary, reasons } = explainTask(task, [], { nodes: [aNode()], tasks: [task], ...around })
  return [summary, ...reasons]
}

test.each<{ name: string; change: Parameters<typeof aTask>[0]; around?: Partial<Surroundings>; lines: string[] }>([
  { name: 'a ready task has nothing to explain', change: {}, lines: ['web.1.1 is running on node 1, ready'] },
  {
    name: 'a refused task says what would help',
    change: { spec: big, ...refused },
    around: { nodes: [smallNode] },
    lines: [
      'web.1.1 waits for a node',
      'no node takes it: not enough memory (1 node)',
      'fits if node 1 had 512 MB more memory',
    ],
  },
  {
    name: 'what other tasks hold is counted in what would help',
    change: { spec: big, ...refused },
    around: {
      nodes: [aNode({ capacity: { ...smallNode.capacity, memoryBytes: 1_073_741_824 } })],
      tasks: [aTask({ spec: { ...big, name: 'db' } }), aTask({ slot: 9, spec: big, status: { state: 'failed' } })],
    },
    lines: [
      'web.1.1 waits for a node',
      'no node takes it: not enough memory (1 node)',
      'fits if node 1 had 1024 MB more memory',
    ],
  },
  {
    name: 'a refusal that is over needs no help',
    change: { ...refused },
    lines: ['web.1.1 waits for a node', 'no node takes it: not enough memory (1 node)'],
  },
  {
    name: 'a new task waits for the scheduler',
    change: { node: null, status: { state: 'pending', ready: false } },
    lines: ['web.1.1 waits for a node', 'the scheduler has not looked at it yet'],
  },
  {
    name: 'an assigned task waits for its agent',
    change: { status: { state: 'assigned', ready: false } },
    around: { nodes: [aNode({ status: 'unreachable' })] },
    lines: ['web.1.1 is assigned to node 1; its agent has not acted yet', 'node 1 is unreachable'],
  },
  {
    name: 'a prepared task says what is in its way',
    change: {
      desired: 'prepared',
      because: 'db is not healthy',
      status: { state: 'preparing', ready: false, message: 'pulling' },
    },
    lines: ['web.1.1 is being prepared on node 1: pulling', 'it is prepared, but may not start yet: db is not healthy'],
  },
  {
    name: 'a starting task is on its way',
    change: { status: { state: 'starting', ready: false } },
    lines: ['web.1.1 is starting on node 1'],
  },
  {
    name: 'a running task waits for its health check',
    change: { spec: checked, status: { ready: false } },
    lines: ['web.1.1 is running on node 1, but not ready', 'its tcp health check has not passed'],
  },
  {
    name: 'a task that keeps crashing says how often and why',
    change: { status: { ready: false, restarts: 3, failure: 'exit', exitCode: 3, message: 'exit code 3' } },
    lines: [
      'web.1.1 is running on node 1, but not ready: exit code 3',
      'it was restarted in place 3 × so far',
      'it ended with exit code 3; gantry logs web.1.1 shows its last words',
    ],
  },
  {
    name: 'a stopping task says why',
    change: { desired: 'stopped', because: 'scaled down' },
    lines: ['web.1.1 is stopping on node 1', 'it was told to stop: scaled down'],
  },
  {
    name: 'a stopped task is what it should be',
    change: { desired: 'stopped', status: { state: 'stopped' } },
    lines: ['web.1.1 stopped on node 1'],
  },
  {
    name: 'a failed task says what to do',
    change: { status: { state: 'failed', ready: false, failure: 'image', message: 'manifest unknown' } },
    lines: [
      'web.1.1 failed on node 1: manifest unknown',
      'the image example/web:1 cannot be had; check its name, and gantry login for a private registry',
    ],
  },
])('$name', ({ change, around, lines }) => {
  expect(about(aTask(change), around)).toEqual(lines)
})

test.each<TaskState>(['completed', 'rejected', 'lost'])('a task that is %s says so', (state) => {
  expect(about(aTask({ status: { state, ready: false } }))).toEqual([`web.1.1 ${state} on node 1`])
})

test.each(FAILURES)('a failure of kind %s has advice of its own', (failure) => {
  const [, reason] = about(aTask({ status: { state: 'failed', ready: false, failure } }))
  expect(reason).toMatch(/\w{3}/)
  const others = FAILURES.filter((other) => other !== failure)
  for (const other of others) expect(about(aTask({ status: { state: 'failed', failure: other } }))[1]).not.toBe(reason)
})

test('a state that the types do not know cannot be explained', () => {
  expect(() => about(aTask({ status: { state: 'limbo' as TaskState } }))).toThrow('limbo')
})

function aboutService(spec: ServiceSpec, tasks: readonly Task[], events: readonly Event[] = []) {
  const nodes = [smallNode]
  const detail = { ...viewService(spec, tasks, null, nodes), spec }
  return explainService(detail, events, { nodes, tasks: [...tasks, aTask({ spec: aService({ name: 'other' }) })] })
}

test('a service is explained slot by slot, with what would help', () => {
  const spec = { ...big, replicas: 2 }
  const hash = specHash(spec)
  const tasks = [
    aTask({ spec, specHash: hash, status: { ready: false } }),
    aTask({ spec, specHash: hash, slot: 2, ...refused }),
  ]
  const events: Event[] = [
    { id: '1', kind: 'task.refused', object: 'task/web.2.1', service: 'web', message: 'm', by: 'control', at: 1 },
  ]
  expect(aboutService(spec, tasks, events)).toEqual({
    object: 'service/web',
    summary: 'web is unhealthy: 0 of 2 ready',
    reasons: [
      'web.2.1 has no node: not enough memory (1 node)',
      'web.1.1 is running, but not ready',
      'fits if node 1 had 1536 MB more memory',
    ],
    events,
  })
})

test('a paused service says why it is', () => {
  expect(aboutService(aService({ replicas: 0 }), [])).toMatchObject({
    summary: 'web is paused: scaled to 0',
    reasons: [],
  })
})

test('a healthy service has nothing to explain', () => {
  const spec = aService()
  const tasks = [aTask({ spec, specHash: specHash(spec) })]
  expect(aboutService(spec, tasks)).toMatchObject({ summary: 'web is healthy: 1 of 1 ready', reasons: [] })
})
