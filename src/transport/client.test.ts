import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ALL_EVENTS, type ApiBed, openApiBed, TOKEN, until } from '../../test/api-bed.ts'
import type { OperationalError } from '../core/errors.ts'
import { createClient } from './client.ts'

const MANIFEST = `services:
  - service_name: web
    image: example/web:1
    replicas: 2
    ports: [{container_port: 80, host_port: 0}]
`
const apply = (text: string) => ({ kind: 'apply', text, file: 'manifest.yaml' }) as const
const NO_SIGNAL = new AbortController().signal
const ALL_LINES = { follow: false, tail: null, since: null }

let bed: ApiBed
beforeAll(async () => {
  bed = await openApiBed()
  await bed.client.apply(apply(MANIFEST), null)
  await until(bed.api, () => bed.api.services()[0]?.health === 'healthy')
})
afterAll(() => bed[Symbol.asyncDispose]())

async function failureOf(call: Promise<unknown>): Promise<OperationalError> {
  return call.then(
    () => {
      throw new Error('it did not fail')
    },
    (error: OperationalError) => error,
  )
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

test('every read says what the facade says', async () => {
  const { client, api } = bed
  expect(await client.health()).toEqual({ status: 'ok', version: '0.1.0' })
  expect(await client.cluster()).toEqual(api.cluster())
  expect(await client.services()).toEqual(api.services())
  expect(await client.service('web')).toEqual(api.service('web'))
  expect(await client.tasks({ service: 'web', all: true })).toEqual(api.tasks({ service: 'web', all: true }))
  expect(await client.task('web.1.1')).toEqual(api.task('web.1.1'))
  expect(await client.nodes()).toEqual(api.nodes())
  expect(await client.node(1)).toEqual(api.node(1))
  expect(await client.nodeStats(1)).toMatchObject({ load1: 0.5 })
  expect((await client.samples()).map(({ taskId }) => taskId)).toContain('web.1.1')
  expect(await client.revisions()).toEqual(api.revisions())
  expect(await client.revision(1)).toEqual(api.revision(1))
  expect(await client.progress(1)).toEqual(api.progress(1))
  expect(await client.explain('web.1.1')).toEqual(api.explain('web.1.1'))
  expect(await client.explain('node/1')).toEqual(api.explain('node/1'))
  expect(await client.events({ ...ALL_EVENTS, service: 'web', limit: 3 })).toHaveLength(3)
})

test('the socket serves its owner without a token', async () => {
  const local = createClient({ socketPath: bed.socketPath })
  expect(await local.services()).toEqual(bed.api.services())
  await local.dispatch({ name: 'from-socket', image: 'example/job:1' })
  expect(bed.api.dispatches().find(({ name }) => name === 'from-socket')?.by).toBe('local user')
})

test('a change is planned, applied with its plan, and a stale plan is refused', async () => {
  const { client } = bed
  const change = apply(MANIFEST.replace('example/web:1', 'example/web:2'))
  const plan = await client.plan(change)
  expect(plan.actions.map(({ service }) => service)).toEqual(['web'])
  expect(plan.change).toEqual(change)
  const { revision } = await client.apply(change, plan)
  expect((await client.revision(revision ?? 0)).text).toBe(change.text)
  expect((await failureOf(client.apply(change, plan))).code).toBe('PLAN_STALE')
})

test('scale, restart, rollback and the end of a task are changes like any other', async () => {
  const { client, api } = bed
  const scaled = await client.scale('web', 3)
  expect(api.revision(scaled.revision ?? 0).cause).toBe('scale web to 3')
  await until(api, () => api.services()[0]?.health === 'healthy')
  const restarted = await client.restart('web')
  expect(api.revision(restarted.revision ?? 0).cause).toBe('restart web')
  const back = await client.apply({ kind: 'rollback', to: 1 }, null)
  expect(api.revision(back.revision ?? 0).cause).toBe('rollback to 1')
  await until(api, () => api.services()[0]?.health === 'healthy')
  const [first] = api.tasks({ service: 'web', all: false })
  expect((await client.stopTask(first?.id ?? '')).desired).toBe('stopped')
})

test('a manifest with problems comes back with each of them at its place', async () => {
  const text = 'services:\n  - service_name: web\n    image: example/web:1\n    replicas: two\n    replica: 3\n'
  const { problems } = await bed.client.validate(text, 'bad.yaml')
  expect(problems.map(({ path, line, file }) => `${file}:${line} ${path}`)).toEqual([
    'bad.yaml:4 services[0].replicas',
    'bad.yaml:5 services[0].replica',
  ])
  const error = await failureOf(bed.client.apply(apply(text), null))
  expect(error.code).toBe('SPEC_INVALID')
  expect(error.problems).toHaveLength(2)
})

test('log lines come from one task or from all of a service, and a follower can leave', async () => {
  const [task] = bed.api.tasks({ service: 'web', all: false })
  const id = task?.id ?? ''
  const lines = await collect(bed.client.taskLogs(id, { ...ALL_LINES, tail: 2 }, NO_SIGNAL))
  expect(lines.map(({ text }) => text)).toEqual([`${id} says 2`, `${id} says 3`])
  expect((await collect(bed.client.serviceLogs('web', ALL_LINES, NO_SIGNAL))).map(({ task: from }) => from)).toContain(
    id,
  )

  const leaving = new AbortController()
  const seen: string[] = []
  for await (const line of bed.client.taskLogs(id, { ...ALL_LINES, follow: true }, leaving.signal)) {
    seen.push(line.text)
    if (seen.length === 3) leaving.abort()
  }
  expect(seen).toHaveLength(3)
  const unknown = await failureOf(collect(bed.client.taskLogs('web.9.9', ALL_LINES, NO_SIGNAL)))
  expect(unknown.code).toBe('NOT_FOUND')
})

test('events are followed, those kept first, and a second stream goes on after the last one seen', async () => {
  const { client, api } = bed
  const leaving = new AbortController()
  const kept = api.events(ALL_EVENTS)
  const seen: string[] = []
  for await (const event of client.watchEvents(ALL_EVENTS, leaving.signal)) {
    seen.push(event.id)
    if (seen.length === kept.length) await client.dispatch({ name: 'wake', image: 'example/job:1' })
    if (event.kind === 'dispatch.created' && seen.length > kept.length) leaving.abort()
  }
  expect(seen.slice(0, kept.length)).toEqual(kept.map(({ id }) => id))

  const second = new AbortController()
  const after = kept.at(-1)?.id ?? null
  for await (const event of client.watchEvents({ ...ALL_EVENTS, after }, second.signal)) {
    expect(event.id).toBe(seen[kept.length])
    second.abort()
  }
})

test('a program in a task gets arguments, input and size, and gives output and exit code', async () => {
  const [task] = bed.api.tasks({ service: 'web', all: false })
  for (const target of [{ url: bed.url, token: TOKEN }, { socketPath: bed.socketPath }]) {
    const session = await createClient(target).exec(task?.id ?? '', {
      argv: ['cat', '-'],
      tty: true,
      stdin: true,
      env: {},
      user: null,
      workingDir: null,
      size: { columns: 80, rows: 24 },
    })
    const big = new Uint8Array(600_000).fill(65)
    session.resize(100, 40)
    session.write(new TextEncoder().encode('hello\n'))
    session.write(big)
    session.endInput()
    const output = Buffer.concat((await collect(session.output)).map(({ data }) => data)).toString()
    expect(output.slice(0, 40)).toBe('cat - 80x24\nresized 100x40\nhello\nAAAAAAA')
    expect(output.match(/A/g)).toHaveLength(big.length)
    expect(await session.exit).toBe(7)
  }
})

test('a program in a task that is not there, or without a token, is refused before it begins', async () => {
  const request = { argv: ['true'], tty: false, stdin: false, env: {}, user: null, workingDir: null, size: null }
  expect((await failureOf(bed.client.exec('web.9.9', request))).code).toBe('NOT_FOUND')
  const stranger = createClient({ url: bed.url, token: null })
  expect((await failureOf(stranger.exec('web.1.1', request))).code).toBe('UNAUTHENTICATED')
  const [task] = bed.api.tasks({ service: 'web', all: false })
  expect((await failureOf(bed.client.exec(task?.id ?? '', { ...request, argv: [] }))).code).toBe('USAGE')
})

test('a dispatched task is listed, looked at and stopped', async () => {
  const { client } = bed
  const { id } = await client.dispatch({ name: 'report', image: 'example/job:1', env: { DAY: '1' } })
  await until(bed.api, () => bed.api.dispatched(id).tasks[0]?.state === 'running')
  expect((await client.dispatches()).map((dispatch) => dispatch.id)).toContain(id)
  const { dispatch, tasks } = await client.dispatched(id)
  expect(dispatch.spec).toMatchObject({ mode: 'job', replicas: 1, container: { env: { DAY: '1' } } })
  expect(tasks).toHaveLength(1)
  expect((await client.stopDispatch(id)).desired).toBe('stopped')
  const invalid = await failureOf(client.dispatch({ name: 'x', image: 'NOT AN IMAGE' }))
  expect(invalid.problems.map(({ path, line }) => [path, line])).toEqual([['image', null]])
})

test('a server that is not there is unavailable, with what to do', async () => {
  const socket = await failureOf(createClient({ socketPath: '/nowhere/gantry.sock' }).services())
  expect(socket).toMatchObject({ code: 'UNAVAILABLE', hint: 'start it with `gantry up`' })
  const port = await failureOf(createClient({ url: 'http://127.0.0.1:1', token: null }).scale('web', 1))
  expect(port).toMatchObject({ code: 'UNAVAILABLE' })
  expect((await failureOf(createClient({ url: 'ftp://x', token: null }).services())).code).toBe('USAGE')
})

/** A server that reads a request and breaks the connection, as often as told; then it answers. */
async function flakyServer(broken: number): Promise<{ server: Server; url: string; requests: string[] }> {
  const requests: string[] = []
  const server = createServer((socket: Socket) => {
    socket.on('error', () => socket.destroy())
    socket.once('data', (data) => {
      requests.push(data.toString())
      if (requests.length <= broken) return socket.destroy()
      const body = '{"revision":7,"plan":{}}'
      return socket.end(`HTTP/1.1 202 Accepted\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests }
}

test('a write whose answer is lost is sent once more with the same idempotency key', async () => {
  const { server, url, requests } = await flakyServer(1)
  expect(await createClient({ url, token: null }).scale('web', 1)).toMatchObject({ revision: 7 })
  const keys = requests.map((text) => /idempotency-key: (\S+)/i.exec(text)?.[1])
  expect(keys).toHaveLength(2)
  expect(keys[0]).toBe(keys[1])
  server.close()
})

test('a write whose answer is lost twice has an unknown outcome, a read is unavailable', async () => {
  const { server, url } = await flakyServer(99)
  expect((await failureOf(createClient({ url, token: null }).scale('web', 1))).code).toBe('OUTCOME_UNKNOWN')
  expect((await failureOf(createClient({ url, token: null }).services())).code).toBe('UNAVAILABLE')
  server.close()
})

test('something else on the port is not taken for Gantry', async () => {
  const server = createServer((socket) => socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const error = await failureOf(createClient({ url, token: null }).services())
  expect(error).toMatchObject({ code: 'UNAVAILABLE' })
  expect(error.message).toContain('is not Gantry')
  server.close()
})
