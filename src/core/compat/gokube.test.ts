import { expect, test } from 'vitest'
import { aService } from '../../../test/builders.ts'
import { TASK_STATES } from '../model/task.ts'
import type { DispatchView, TaskView } from '../model/view.ts'
import { GOKUBE_STATES, gokubeService, gokubeTask, withGokubeResources } from './gokube.ts'

function aDispatch(change: Partial<DispatchView> = {}): DispatchView {
  return {
    id: 'id',
    name: 'echo',
    spec: aService({ restart: 'no' }),
    desired: 'running',
    by: '',
    createdAt: 0,
    task: null,
    ...change,
  }
}

function aView(change: Partial<TaskView> = {}): TaskView {
  return {
    id: 'echo.1.1',
    service: 'echo',
    slot: 1,
    attempt: 1,
    node: 1,
    state: 'running',
    desired: 'running',
    ready: true,
    restarts: 0,
    runtime: 'docker',
    image: 'example/echo:1',
    ports: [],
    address: null,
    containerId: null,
    exitCode: null,
    message: '',
    createdAt: 0,
    startedAt: null,
    finishedAt: null,
    ...change,
  }
}

const WANTED = {
  Name: 'echo',
  Image: 'example/echo:1',
  Memory: 0,
  Disk: 0,
  ExposedPort: {},
  PortBindings: {},
  RestartPolicy: '',
  HealthCheck: '',
}

const iso = (at: number): string => `at ${at}`
const stateOf = (dispatch: DispatchView, tasks: readonly TaskView[]): string | undefined =>
  GOKUBE_STATES[gokubeTask(dispatch, tasks, iso).State]

test('each state of a task is one of gokube’s five', () => {
  const states = TASK_STATES.map((state) => `${state}: ${stateOf(aDispatch(), [aView({ state })])}`)
  expect(states).toEqual([
    'pending: Pending',
    'assigned: Scheduled',
    'preparing: Scheduled',
    'starting: Scheduled',
    'running: Running',
    'completed: Completed',
    'failed: Failed',
    'stopped: Completed',
    'rejected: Failed',
    'lost: Failed',
  ])
})

test('a task that was stopped is completed, however its last attempt ended, but not before it has', () => {
  const stopped = aDispatch({ desired: 'stopped' })
  expect(stateOf(stopped, [aView({ state: 'failed' })])).toBe('Completed')
  expect(stateOf(stopped, [aView({ state: 'running' })])).toBe('Running')
  expect(stateOf(stopped, [])).toBe('Completed')
  expect(stateOf(aDispatch(), [])).toBe('Pending')
})

test('restarts in place and new attempts are counted together', () => {
  const tasks = [aView({ attempt: 3, restarts: 1 }), aView({ attempt: 2, restarts: 5 }), aView()]
  expect(gokubeTask(aDispatch(), tasks, iso).RestartCount).toBe(8)
})

test('ports, times and container are those of the newest attempt', () => {
  const spec = aService({
    container: {
      ports: [
        { container: 80, host: 8080, protocol: 'tcp' },
        { container: 53, host: null, protocol: 'udp' },
      ],
    },
    resources: { cpuMillis: 0, memoryBytes: 5, diskBytes: 6 },
    restart: 'always',
    health: { kind: 'http', path: '/ready', port: 80, intervalMs: 1, timeoutMs: 1, retries: 1, startPeriodMs: 0 },
  })
  const ports = [{ container: 80, host: 8080, protocol: 'tcp' as const }]
  const newest = aView({ containerId: 'c2', startedAt: 5, ports })
  expect(gokubeTask(aDispatch({ spec }), [newest, aView({ containerId: 'c1', state: 'failed' })], iso)).toEqual({
    ID: 'id',
    ContainerId: 'c2',
    Name: 'echo',
    State: 2,
    Image: 'example/web:1',
    Memory: 5,
    Disk: 6,
    ExposedPort: { '80/tcp': {}, '53/udp': {} },
    HostPorts: { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8080' }] },
    PortBindings: { '80/tcp': '8080' },
    RestartPolicy: 'always',
    StartTime: 'at 5',
    FinishTime: '0001-01-01T00:00:00Z',
    HealthCheck: '/ready',
    RestartCount: 1,
  })
  const process = aService({ restart: 'no', container: { image: null } })
  const ended = aView({ state: 'completed', ports, finishedAt: 9 })
  expect(gokubeTask(aDispatch({ spec: process }), [ended], iso)).toMatchObject({
    Image: '',
    HostPorts: {},
    RestartPolicy: '',
    FinishTime: 'at 9',
  })
})

test('a health check asks the first tcp port, and without one there is none', () => {
  const check = (ports: object, path: string) =>
    gokubeService({ ...WANTED, ExposedPort: ports as Record<string, object>, HealthCheck: path })['health_check']
  expect(check({ '53/udp': {}, '8080': {} }, 'health')).toEqual({ type: 'http', http_path: '/health', port: 8080 })
  expect(check({ '80/tcp': {} }, '/a')).toEqual({ type: 'http', http_path: '/a', port: 80 })
  expect(check({ '53/udp': {} }, '/a')).toBeUndefined()
  expect(check({ '80/tcp': {} }, '')).toBeUndefined()
})

test('a port is exposed once, at the host port that it is bound to or at a free one', () => {
  const task = { ...WANTED, ExposedPort: { '80/tcp': {}, '81/tcp': {} }, PortBindings: { '80/tcp': '8080' } }
  expect(gokubeService(task)['ports']).toEqual([
    { container_port: 80, host_port: 8080, protocol: 'tcp' },
    { container_port: 81, host_port: 0, protocol: 'tcp' },
  ])
})

test('memory is set aside and limited, and none means no limit', () => {
  const given = withGokubeResources(aService(), { Memory: 10, Disk: 20 })
  expect([given.resources, given.container.limits.memoryBytes]).toEqual([
    { cpuMillis: 0, memoryBytes: 10, diskBytes: 20 },
    10,
  ])
  expect(withGokubeResources(aService(), { Memory: 0, Disk: 0 }).container.limits.memoryBytes).toBeNull()
})
