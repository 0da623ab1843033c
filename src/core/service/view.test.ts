import { expect, test } from 'vitest'
import { aNode, aService, aTask } from '../../../test/builders.ts'
import { deepFreeze } from '../../../test/deep-freeze.ts'
import { specHash } from '../manifest/diff.ts'
import type { Node } from '../model/node.ts'
import type { ServiceSpec } from '../model/service.ts'
import type { Task } from '../model/task.ts'
import type { ServiceView } from '../model/view.ts'
import { viewService, viewTask, viewTaskAmong } from './view.ts'

const web = aService({ replicas: 2 })
const once = aService({ restart: 'no' })
const job = aService({ mode: 'job', restart: 'no' })

function current(spec: ServiceSpec, change: Parameters<typeof aTask>[0] = {}): Task {
  return aTask({ spec, specHash: specHash(spec), ...change })
}

/** The numbers as a listing shows them: running, ready and current of replicas. */
function line({ running, ready, current: newest, replicas, health, message }: ServiceView): string {
  return `${running} ${ready} ${newest} of ${replicas} ${health}${message === '' ? '' : `: ${message}`}`
}

const unready = { state: 'running', ready: false } as const

test.each<{ name: string; spec?: ServiceSpec; tasks?: Task[]; nodes?: Node[]; line: string }>([
  {
    name: 'healthy: every slot has a ready task of the newest spec',
    tasks: [current(web), current(web, { slot: 2 })],
    line: '2 2 2 of 2 healthy',
  },
  {
    name: 'degraded: a slot is not ready',
    tasks: [current(web), current(web, { slot: 2, status: { ...unready, message: 'HTTP 500' } })],
    line: '2 1 1 of 2 degraded: web.2.1 is running, but not ready: HTTP 500',
  },
  {
    name: 'degraded: a slot is ready, but of another spec',
    tasks: [current(web), aTask({ slot: 2 })],
    line: '2 2 1 of 2 degraded: web.2.1 is still of another spec',
  },
  {
    name: 'degraded: what is on an unreachable node does not count, whatever it said last',
    tasks: [current(web), current(web, { slot: 2, node: 2 })],
    nodes: [aNode(), aNode({ id: 2, status: 'unreachable' })],
    line: '2 1 1 of 2 degraded: web.2.1 is on node 2, which is unreachable',
  },
  {
    name: 'a surplus task makes nothing unhealthy',
    tasks: [current(web), current(web, { slot: 2 }), current(web, { slot: 3, desired: 'stopped' })],
    line: '3 2 2 of 2 healthy',
  },
  {
    name: 'unhealthy: nothing serves, and the worst is said first',
    tasks: [
      current(web, { node: null, refusal: 'not enough memory (1 node)', status: { state: 'pending', ready: false } }),
      current(web, { slot: 2, status: { state: 'failed', ready: false, message: 'exit code 3' } }),
    ],
    line: '0 0 0 of 2 unhealthy: web.2.1 failed: exit code 3; the next attempt follows',
  },
  {
    name: 'of equal hindrances that of the lowest slot is said',
    tasks: [
      current(web, { slot: 2, status: { state: 'starting', ready: false } }),
      current(web, { status: { state: 'preparing', ready: false, message: 'pulling 3 of 5 layers' } }),
    ],
    line: '0 0 0 of 2 unhealthy: web.1.1 is preparing: pulling 3 of 5 layers',
  },
  {
    name: 'a task without a node says why',
    spec: aService(),
    tasks: [
      current(aService(), { node: null, refusal: 'paused (1 node)', status: { state: 'pending', ready: false } }),
    ],
    line: '0 0 0 of 1 unhealthy: web.1.1 has no node: paused (1 node)',
  },
  {
    name: 'a restart in place is told',
    spec: aService(),
    tasks: [current(aService(), { status: { ...unready, restarts: 1 } })],
    line: '1 0 0 of 1 unhealthy: web.1.1 is running, but not ready after 1 restart in place',
  },
  {
    name: 'several restarts in place are counted',
    spec: aService(),
    tasks: [current(aService(), { status: { ...unready, restarts: 4 } })],
    line: '1 0 0 of 1 unhealthy: web.1.1 is running, but not ready after 4 restarts in place',
  },
  { name: 'an empty slot will be filled', spec: aService(), line: '0 0 0 of 1 unhealthy: slot 1 has no task yet' },
  {
    name: 'a slot that ended with an older spec will be filled',
    spec: aService(),
    tasks: [aTask({ status: { state: 'failed', ready: false } })],
    line: '0 0 0 of 1 unhealthy: slot 1 has no task yet',
  },
  {
    name: 'a stopping task keeps its slot',
    spec: aService(),
    tasks: [current(aService(), { desired: 'stopped' })],
    line: '1 0 0 of 1 unhealthy: web.1.1 is stopping',
  },
  {
    name: 'a slot that its policy leaves alone needs an apply',
    spec: once,
    tasks: [current(once, { status: { state: 'failed', ready: false } })],
    line: '0 0 0 of 1 unhealthy: web.1.1 failed; it stays so until the next apply',
  },
  {
    name: 'a done job is healthy',
    spec: job,
    tasks: [current(job, { status: { state: 'completed', ready: false } })],
    line: '0 0 0 of 1 healthy',
  },
  {
    name: 'a job of which a part is done is degraded',
    spec: { ...job, replicas: 2 },
    tasks: [current(job, { status: { state: 'completed', ready: false } })],
    line: '0 0 0 of 2 degraded: slot 2 has no task yet',
  },
  { name: 'paused: no task is wanted', spec: aService({ replicas: 0 }), line: '0 0 0 of 0 paused: scaled to 0' },
  {
    name: 'a global service has a slot on each node that matches',
    spec: aService({ mode: 'global' }),
    nodes: [aNode(), aNode({ id: 2, availability: 'drain' })],
    line: '0 0 0 of 1 unhealthy: slot 1 has no task yet',
  },
  {
    name: 'a global service is paused without nodes',
    spec: aService({ mode: 'global' }),
    nodes: [],
    line: '0 0 0 of 0 paused: no node takes tasks',
  },
  {
    name: 'a global service is paused without nodes of its placements',
    spec: aService({ mode: 'global', placements: ['db', 'cache'] }),
    line: '0 0 0 of 0 paused: no node with placement db or cache takes tasks',
  },
])('$name', ({ spec = web, tasks = [], nodes = [aNode()], line: expected }) => {
  expect(line(viewService(deepFreeze(spec), deepFreeze(tasks), null, nodes))).toBe(expected)
})

test('a service was updated when the newest thing happened to one of its tasks', () => {
  const at = (...tasks: Task[]): number => viewService(web, tasks, null, []).updatedAt
  expect(at()).toBe(0)
  expect(at(aTask({ createdAt: 5, status: { startedAt: null, readyAt: null } }))).toBe(5)
  expect(
    at(aTask({ createdAt: 5, status: { startedAt: 6, readyAt: 7, finishedAt: 9 } }), aTask({ createdAt: 8 })),
  ).toBe(9)
})

test('a view names the dispatch, the runtime and the image of its service', () => {
  const process = aService({ container: { image: null } })
  expect(viewService(web, [], 'd1', [])).toMatchObject({ dispatch: 'd1', runtime: 'docker', image: 'example/web:1' })
  expect(viewService(process, [], null, [])).toMatchObject({ dispatch: null, runtime: 'process', image: null })
})

test('the message of a task is its refusal, else what its agent says, else why it was made', () => {
  const message = (change: Parameters<typeof aTask>[0]): string => viewTask(aTask(change)).message
  expect(message({ refusal: 'paused (1 node)', status: { message: 'x' } })).toBe('paused (1 node)')
  expect(message({ because: 'scaled up', status: { message: 'pulling' } })).toBe('pulling')
  expect(message({ because: 'scaled up' })).toBe('scaled up')
})

test('a task is shown with where and since when it runs', () => {
  const hostPorts = [{ container: 80, host: 20_001, protocol: 'tcp' as const }]
  const task = aTask({ slot: 2, hostPorts, status: { restarts: 3, address: '172.17.0.2' } })
  expect(viewTask(task)).toEqual({
    id: 'web.2.1',
    service: 'web',
    slot: 2,
    attempt: 1,
    node: 1,
    state: 'running',
    desired: 'running',
    ready: true,
    restarts: 3,
    runtime: 'docker',
    image: 'example/web:1',
    ports: hostPorts,
    address: '172.17.0.2',
    containerId: 'c1',
    exitCode: null,
    message: '',
    createdAt: 0,
    startedAt: 0,
    finishedAt: null,
  })
})

test('a task that is to stop on an unreachable node is not said to be stopping', () => {
  const nodes = [aNode(), aNode({ id: 2, status: 'unreachable' })]
  const { message } = viewService(aService(), [current(aService(), { node: 2, desired: 'stopped' })], null, nodes)
  expect(message).toBe('web.1.1 is to stop, and node 2 is unreachable: it may still run there')
})

test('a task on an unreachable node is not called ready, whatever it said last', () => {
  const view = viewTaskAmong([aNode(), aNode({ id: 2, status: 'unreachable' })])
  expect(view(current(web)).ready).toBe(true)
  expect(view(current(web, { node: 2 }))).toMatchObject({
    state: 'running',
    ready: false,
    message: 'node 2 is unreachable: it may still run there',
  })
  expect(view(current(web, { node: 2, status: { state: 'failed', message: 'exit 3' } })).message).toBe('exit 3')
})
