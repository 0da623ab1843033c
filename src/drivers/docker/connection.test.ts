import { expect, test } from 'vitest'
import { json, ScriptedEngine } from '../../../test/scripted-engine.ts'

const LIST = { method: 'GET', path: '/containers/json', doing: 'list containers' } as const

test('an answer is its status and its JSON', async () => {
  const engine = await ScriptedEngine.forTest((call) => json(call, 200, [{ Id: call.query.get('x') }]))
  expect(await engine.connect().call({ ...LIST, query: { x: 'a b&c' } })).toEqual({
    status: 200,
    body: [{ Id: 'a b&c' }],
  })
})

test('the version is asked for once', async () => {
  let versions = 0
  const engine = await ScriptedEngine.forTest((call) => {
    versions += call.request.url?.startsWith('/v1.41/') ? 0 : 1
    json(call, 200, [])
  })
  const connection = engine.connect()
  await Promise.all([connection.call(LIST), connection.call(LIST)])
  expect(versions).toBe(0)
  expect(engine.asked).toEqual(['GET /containers/json', 'GET /containers/json'])
})

test('a refusal is thrown in the words of the engine, unless its status is accepted', async () => {
  const engine = await ScriptedEngine.forTest((call) => json(call, 404, { message: 'no such container: web' }))
  const connection = engine.connect()
  await expect(connection.call(LIST)).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: 'cannot list containers: no such container: web',
  })
  expect(await connection.call({ ...LIST, accept: [404] })).toMatchObject({ status: 404 })
})

test.each([
  ['is not JSON', '{"Id": '],
  ['is not JSON', '<html>gateway</html>'],
])('an answer that %s is UNAVAILABLE: nothing is known', async (what, body) => {
  const engine = await ScriptedEngine.forTest(({ response }) => void response.end(body))
  await expect(engine.connect().call(LIST)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: `cannot list containers: the engine's answer ${what}`,
  })
})

test('an answer that breaks off is UNAVAILABLE', async () => {
  const engine = await ScriptedEngine.forTest(({ response }) => {
    response.writeHead(200, { 'Content-Length': '1000' })
    response.write('[{"Id":"f00"}', () => response.destroy())
  })
  await expect(engine.connect().call(LIST)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringMatching(/the connection was lost$/),
  })
})

test('an answer without an end is not collected for ever', async () => {
  const engine = await ScriptedEngine.forTest(({ response }) => {
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(1_048_576, 32)));
      if (!response.destroyed) response.once('drain', more)
    }
    more()
  })
  await expect(engine.connect().call(LIST)).rejects.toMatchObject({
    message: expect.stringContaining('longer than any answer should be'),
  })
})

test('a call whose answer is lost on a used connection is sent once more, and then no more', async () => {
  let calls = 0
  const engine = await ScriptedEngine.forTest((call) => {
    calls += 1
    if (calls === 1) json(call, 200, [])
    else call.request.socket.destroy()
  })
  const connection = engine.connect()
  await connection.call(LIST)
  // The connection goes back to the pool a moment after the answer.
  await new Promise(setImmediate)
  await expect(connection.call(LIST)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(calls).toBe(3)
})

test('an engine that is not there is UNAVAILABLE with the reason, and is found when it is there again', async () => {
  const engine = await ScriptedEngine.forTest((call) => json(call, 200, []))
  const connection = engine.connect()
  await connection.call(LIST)
  await engine.hangUp()
  await expect(connection.call(LIST)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: `cannot list containers: no answer from the engine at ${engine.host}: the socket does not exist`,
    hint: 'start Docker Engine, or point DOCKER_HOST at it',
  })
  await engine.listen()
  expect(await connection.call(LIST)).toMatchObject({ status: 200 })
})

test('an engine that does not answer in time is a TIMEOUT', async () => {
  const engine = await ScriptedEngine.forTest(() => undefined)
  await expect(engine.connect().call({ ...LIST, timeoutMs: 50 })).rejects.toMatchObject({
    code: 'TIMEOUT',
    message: 'cannot list containers: the engine took longer than 0.05 s',
  })
})

test('an aborted call ends with the reason of its signal', async () => {
  const abort = new AbortController()
  const reason = new Error('no longer wanted')
  const engine = await ScriptedEngine.forTest(() => abort.abort(reason))
  await expect(engine.connect().call({ ...LIST, signal: abort.signal })).rejects.toBe(reason)
})

test('a call that may not take over the connection is refused as any other', async () => {
  const engine = await ScriptedEngine.forTest((call) => json(call, 200, {}))
  const request = { method: 'POST', path: '/exec/1/start', doing: 'run sh in container f00' } as const
  await expect(engine.connect().hijack(request)).rejects.toMatchObject({
    code: 'RUNTIME_REFUSED',
    message: 'cannot run sh in container f00: refused',
  })
})
