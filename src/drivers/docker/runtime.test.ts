import { expect, onTestFinished, test } from 'vitest'
import { aContainer } from '../../../test/builders.ts'
import { type EngineCall, json, ScriptedEngine } from '../../../test/scripted-engine.ts'
import type { ContainerOrder } from '../../ports/runtime.ts'
import { createLog } from '../log.ts'
import { DockerRuntime } from './runtime.ts'

const ID = 'f'.repeat(64)
const OTHER_ID = 'a'.repeat(64)
const CLUSTER = 'c0ffee00c0ffee00'
const NAME = 'web.1.1.c0ffee00'
const NEVER = new AbortController().signal
const log = createLog({ level: 'error', destination: { write: () => undefined }, pretty: false })

const inspected = (labels: object = {}): object => ({
  Id: ID,
  State: { Status: 'running', Pid: 1 },
  Config: { Labels: { 'gantry.cluster': CLUSTER, 'gantry.task': 'web.1.1', ...labels } },
})

const ORDER: ContainerOrder = {
  taskId: 'web.1.1',
  service: 'web',
  slot: 1,
  attempt: 1,
  specHash: 'abc',
  hostPorts: [],
  memoryBytes: null,
  spec: aContainer({ image: 'web:1', stopGraceMs: 10_000 }),
}

type Script = Readonly<Record<string, (call: EngineCall, time: number) => void>>

/** A runtime of an engine that answers each call as scripted, told how often it was asked that before. */
async function scripted(script: Script): Promise<{ runtime: DockerRuntime; engine: ScriptedEngine }> {
  const answers: Script = { 'GET /info': (call) => json(call, 200, {}), ...script }
  const times = new Map<string, number>()
  const engine = await ScriptedEngine.forTest((call) => {
    const key = `${call.method} ${call.path}`
    const time = times.get(key) ?? 0
    times.set(key, time + 1)
    const answer = answers[key]
    if (answer === undefined) json(call, 500, { message: `unexpected call ${key}` })
    else answer(call, time)
  })
  const runtime = new DockerRuntime({ clusterId: CLUSTER, dataDir: '/tmp', host: engine.host, log })
  onTestFinished(() => runtime.close())
  return { runtime, engine }
}

const create = (runtime: DockerRuntime): Promise<string> => runtime.create(ORDER, () => undefined, NEVER)
const conflict = (call: EngineCall): void =>
  json(call, 409, { message: `Conflict. The container name "/${NAME}" is already in use by container "${ID}".` })

test('a container whose image is there costs one call, and its start another', async () => {
  const { runtime, engine } = await scripted({
    'POST /containers/create': (call) => json(call, 201, { Id: ID }),
    [`POST /containers/${ID}/start`]: ({ response }) => void response.writeHead(204).end(),
  })
  await runtime.describe()
  engine.asked.length = 0
  await runtime.start(await create(runtime))
  expect(engine.asked).toEqual(['POST /containers/create', `POST /containers/${ID}/start`])
})

test('a container is created while the engine takes its time to say what it is', async () => {
  const { runtime } = await scripted({
    'GET /info': (call, time) => (time === 0 ? json(call, 200, {}) : undefined),
    'POST /containers/create': (call) => json(call, 201, { Id: ID }),
  })
  await runtime.describe()
  void runtime.describe()
  expect(await create(runtime)).toBe(ID)
})

test('an image that is missing is pulled once, and the container created then', async () => {
  const { runtime, engine } = await scripted({
    'POST /containers/create': (call, time) =>
      time === 0 ? json(call, 404, { message: 'No such image: web:1' }) : json(call, 201, { Id: ID }),
    'POST /images/create': ({ response }) => void response.end('{"status":"Pulling from web","id":"1"}\n'),
  })
  expect(await create(runtime)).toBe(ID)
  expect(engine.asked.filter((call) => call !== 'GET /info')).toEqual([
    'POST /containers/create',
    'POST /images/create',
    'POST /containers/create',
  ])
})

test('a container whose creation was answered into the void is found by its name', async () => {
  const { runtime } = await scripted({
    'POST /containers/create': (call, time) => (time < 2 ? call.request.socket.destroy() : conflict(call)),
    [`GET /containers/${NAME}/json`]: (call) => json(call, 200, inspected()),
  })
  await expect(create(runtime)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(await create(runtime)).toBe(ID)
})

test.each([3, 4])('a name that is taken before its container can be seen is waited for (%i looks)', async (looks) => {
  const { runtime } = await scripted({
    'POST /containers/create': conflict,
    [`GET /containers/${NAME}/json`]: (call, time) =>
      time < looks ? json(call, 404, { message: 'No such container' }) : json(call, 200, inspected()),
  })
  expect(await create(runtime)).toBe(ID)
})

test('a foreign container with the name of ours is told, and nothing is done to it', async () => {
  const { runtime, engine } = await scripted({
    'POST /containers/create': conflict,
    [`GET /containers/${NAME}/json`]: (call) => json(call, 200, inspected({ 'gantry.cluster': 'theirs' })),
  })
  await expect(create(runtime)).rejects.toMatchObject({
    code: 'ALREADY_EXISTS',
    message: `cannot create container web.1.1: another has the name ${NAME}`,
  })
  expect(engine.asked.every((call) => call.startsWith('GET') || call === 'POST /containers/create')).toBe(true)
})

test('a foreign container in the answer to our own question is left out', async () => {
  const { runtime } = await scripted({
    'GET /containers/json': (call) => json(call, 200, [{ Id: ID }, { Id: OTHER_ID }]),
    [`GET /containers/${ID}/json`]: (call) => json(call, 200, inspected()),
    [`GET /containers/${OTHER_ID}/json`]: (call) => json(call, 200, { Id: OTHER_ID, Config: { Labels: {} } }),
  })
  expect(await runtime.list()).toMatchObject([{ id: ID }])
})

test('a list of which one part cannot be had is no list', async () => {
  const { runtime } = await scripted({
    'GET /containers/json': (call) => json(call, 200, [{ Id: ID }, { Id: OTHER_ID }]),
    [`GET /containers/${ID}/json`]: (call) => json(call, 200, inspected()),
    [`GET /containers/${OTHER_ID}/json`]: (call) => call.request.socket.destroy(),
  })
  await expect(runtime.list()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})

test('names, shortened ids and paths find nothing, and nobody is asked', async () => {
  const { runtime, engine } = await scripted({})
  for (const id of ['web', 'ffffffffffff', `../${ID}`, '', `${ID}?force=1`]) {
    expect(await runtime.inspect(id)).toBeNull()
    await runtime.remove(id)
    await expect(runtime.start(id)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  }
  expect(engine.asked).toEqual([])
})

test('a log that breaks off in the middle of a line is UNAVAILABLE, after what came of it', async () => {
  const { runtime } = await scripted({
    [`GET /containers/${ID}/json`]: (call) => json(call, 200, inspected()),
    [`GET /containers/${ID}/logs`]: ({ response }) => {
      const text = Buffer.from('2026-11-21T04:18:01.4Z one\n')
      const header = Buffer.from([1, 0, 0, 0, 0, 0, 0, text.length])
      response.end(Buffer.concat([header, text, header, text.subarray(0, 9)]))
    },
  })
  const read: string[] = []
  const reading = async (): Promise<void> => {
    const query = { follow: false, tail: null, since: null }
    for await (const { text } of runtime.logs(ID, query, NEVER)) read.push(text)
  }
  await expect(reading()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(read).toEqual(['one'])
})

test('a reader that leaves a log ends the stream of the engine', async () => {
  const left = Promise.withResolvers<void>()
  const { runtime } = await scripted({
    [`GET /containers/${ID}/json`]: (call) => json(call, 200, inspected()),
    [`GET /containers/${ID}/logs`]: ({ response, request }) => {
      request.socket.on('close', left.resolve)
      const text = Buffer.from('2026-11-21T04:18:01.4Z one\n')
      response.write(Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0, text.length]), text]))
    },
  })
  for await (const { text } of runtime.logs(ID, { follow: true, tail: null, since: null }, NEVER)) {
    expect(text).toBe('one')
    break
  }
  await left.promise
})

test('a container that is being removed already is waited for', async () => {
  const { runtime } = await scripted({
    [`GET /containers/${ID}/json`]: (call, time) =>
      time < 3 ? json(call, 200, inspected()) : json(call, 404, { message: 'No such container' }),
    [`DELETE /containers/${ID}`]: (call) =>
      json(call, 409, { message: `removal of container ${ID} is already in progress` }),
  })
  await runtime.remove(ID)
  expect(await runtime.inspect(ID)).toBeNull()
})

test('an engine that is not there is described as not available, with the reason', async () => {
  const runtime = new DockerRuntime({ clusterId: CLUSTER, dataDir: '/tmp', host: 'unix:///no/such/socket', log })
  expect(await runtime.describe()).toEqual({
    kind: 'docker',
    available: false,
    version: '',
    message: expect.stringMatching(/at unix:\/\/\/no\/such\/socket: the socket does not exist \(start Docker Engine/),
    unsupported: {},
  })
  await runtime.close()
})
