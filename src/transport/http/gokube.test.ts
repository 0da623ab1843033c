import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ApiBed, openApiBed, TOKEN, until } from '../../../test/api-bed.ts'
import { ask, type RawAnswer } from '../../../test/raw-request.ts'
import type { GokubeTask } from '../../core/compat/gokube.ts'

let bed: ApiBed
beforeAll(async () => {
  bed = await openApiBed()
})
afterAll(() => bed[Symbol.asyncDispose]())

function send(method: string, path: string, body?: unknown): Promise<RawAnswer> {
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
  return ask({ url: bed.url, method, path, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
}

let drawn = 0
function anEvent(task: Record<string, unknown> = {}, event: Record<string, unknown> = {}) {
  drawn += 1
  const ID = `0b7c0000-0000-4000-8000-${String(drawn).padStart(12, '0')}`
  const Task = { ID, Name: `echo-${drawn}`, Image: 'example/echo:1', State: 1, ...task }
  return { ID: '6e0a0000-0000-4000-8000-000000000000', State: 2, Timestamp: '2025-01-01T00:00:00Z', ...event, Task }
}

async function taskOf(id: string): Promise<GokubeTask> {
  return JSON.parse((await send('GET', `/task/${id}`)).text) as GokubeTask
}

const SAMPLE = {
  Memory: 64_000_000,
  Disk: 1_000,
  ExposedPort: { '7777/tcp': {}, '53/udp': {} },
  PortBindings: { '7777/tcp': '17777' },
  RestartPolicy: '',
  HealthCheck: '/health',
}

test('a task is created, runs, is shown with all that it was given, and is stopped', async () => {
  const event = anEvent(SAMPLE)
  const created = await send('POST', '/task', event)
  expect(created.status).toBe(201)
  expect(JSON.parse(created.text)).toMatchObject({ ...event.Task, State: expect.any(Number) })
  await until(bed.api, () => bed.api.dispatched(event.Task.ID).tasks[0]?.state === 'running')
  const task = await taskOf(event.Task.ID)
  expect(task).toMatchObject({
    ...event.Task,
    State: 2,
    RestartCount: 0,
    FinishTime: '0001-01-01T00:00:00Z',
    StartTime: expect.stringMatching(/^20\d\d-\d\d-\d\dT/),
    ContainerId: expect.stringMatching(/^container-of-/),
    HostPorts: { '7777/tcp': [{ HostIp: '0.0.0.0', HostPort: '17777' }], '53/udp': [{ HostPort: expect.any(String) }] },
  })
  const { spec } = bed.api.dispatched(event.Task.ID).dispatch
  expect(spec.container.limits.memoryBytes).toBe(64_000_000)
  expect(spec.resources).toEqual({ cpuMillis: 0, memoryBytes: 64_000_000, diskBytes: 1_000 })
  expect(spec.health).toMatchObject({ kind: 'http', path: '/health', port: 7777 })
  expect(JSON.parse((await send('GET', '/task')).text)).toContainEqual(task)

  expect(await send('DELETE', `/task/${event.Task.ID}`)).toMatchObject({ status: 204, text: '' })
  await until(bed.api, () => bed.api.dispatched(event.Task.ID).tasks[0]?.state === 'stopped')
  expect((await taskOf(event.Task.ID)).State).toBe(3)
})

test('the inner state, times and container of a new task are not used', async () => {
  for (const State of [undefined, 0, 4]) {
    const event = anEvent({ State, StartTime: null, HostPorts: null, PortBindings: null, RestartCount: 9 })
    expect((await send('POST', '/task', event)).status).toBe(201)
    await until(bed.api, () => bed.api.dispatched(event.Task.ID).tasks[0]?.state === 'running')
    expect(await taskOf(event.Task.ID)).toMatchObject({ State: 2, RestartCount: 0, HealthCheck: '' })
  }
})

test('a restart policy of its own keeps a task running, none starts it again on failure only', async () => {
  const modes = { '': 'job', 'on-failure': 'job', always: 'replicated', 'unless-stopped': 'replicated' }
  for (const [RestartPolicy, mode] of Object.entries(modes)) {
    const event = anEvent({ RestartPolicy })
    await send('POST', '/task', event)
    const { spec } = bed.api.dispatched(event.Task.ID).dispatch
    expect([spec.mode, spec.restart]).toEqual([mode, RestartPolicy === '' ? 'on-failure' : RestartPolicy])
    expect((await taskOf(event.Task.ID)).RestartPolicy).toBe(RestartPolicy)
  }
})

test('names with dots are kept, and tasks of one name do not collide', async () => {
  const [first, second] = [anEvent({ Name: 'echo.v1' }), anEvent({ Name: 'echo.v1' })]
  for (const event of [first, second]) expect((await send('POST', '/task', event)).status).toBe(201)
  expect((await taskOf(first.Task.ID)).Name).toBe('echo.v1')
  expect((await taskOf(second.Task.ID)).Name).toBe('echo.v1')
})

test('tasks of one name whose ids begin alike do not touch each other', async () => {
  const [first, second] = [anEvent({ Name: 'twin' }), anEvent({ Name: 'twin' })]
  await send('POST', '/task', first)
  await send('POST', '/task', second)
  const runs = (id: string): boolean => bed.api.dispatched(id).tasks.some(({ state }) => state === 'running')
  await until(bed.api, () => runs(first.Task.ID) && runs(second.Task.ID))
  await send('DELETE', `/task/${second.Task.ID}`)
  await until(bed.api, () => !runs(second.Task.ID))
  expect(await taskOf(first.Task.ID)).toMatchObject({ State: 2, RestartCount: 0 })
})

test('an event of state 3 stops a task, once', async () => {
  const event = anEvent()
  const stop = { ...event, State: 3 }
  expect((await send('POST', '/task', stop)).status).toBe(404)
  await send('POST', '/task', event)
  expect((await send('POST', '/task', stop)).status).toBe(201)
  expect(bed.api.dispatched(event.Task.ID).dispatch.desired).toBe('stopped')
  expect((await send('POST', '/task', stop)).status).toBe(409)
})

test('what is wrong is told in the form of gokube, and changes nothing', async () => {
  const event = anEvent()
  await send('POST', '/task', event)
  const count = bed.api.dispatches().length
  const failures: (readonly [RawAnswer, number])[] = [
    [await send('POST', '/task', event), 409],
    [await send('POST', '/task', { ...anEvent(), Extra: 1 }), 400],
    [await send('POST', '/task', anEvent({ Extra: 1 })), 400],
    [await send('POST', '/task', anEvent({ ID: 'not-a-uuid' })), 400],
    [await send('POST', '/task', anEvent({ Image: '' })), 400],
    [await send('POST', '/task', anEvent({ Image: 'NOT AN IMAGE' })), 400],
    [await send('POST', '/task', anEvent({ PortBindings: { '70000/tcp': '1' } })), 400],
    [await send('POST', '/task', anEvent({ PortBindings: { '80/sctp': '1' } })), 400],
    [await send('POST', '/task', anEvent({ RestartPolicy: 'sometimes' })), 400],
    [await send('POST', '/task', anEvent({}, { State: 5 })), 400],
    [await send('GET', '/task/not-a-uuid'), 400],
    [await send('DELETE', '/task/not-a-uuid'), 400],
    [await send('GET', '/task/0b7c0000-0000-4000-8000-ffffffffffff'), 404],
    [await send('DELETE', '/task/0b7c0000-0000-4000-8000-ffffffffffff'), 404],
  ]
  for (const [answer, status] of failures) {
    expect(answer.status).toBe(status)
    expect(JSON.parse(answer.text)).toEqual({ HttpStatusCode: status, Message: expect.stringMatching(/\w/) })
  }
  expect(bed.api.dispatches()).toHaveLength(count)
})

test('the statistics of the node carry memory in kB, disk in bytes, and the number of tasks', async () => {
  const stats = JSON.parse((await send('GET', '/stats')).text) as Record<string, unknown>
  expect(stats).toEqual({
    MemStats: { mem_total: 8_388_608, mem_available: 4_194_304, mem_free: 4_194_304 },
    DiskStats: { all: 107_374_182_400, used: 42_949_672_960, free: 64_424_509_440 },
    CpuStats: { id: 'cpu', user: 100, idle: 900 },
    LoadStats: { last1min: 0.5, last5min: 0.4, last15min: 0.3 },
    TaskCount: bed.api.tasks({ service: null, all: false }).length,
  })
})
