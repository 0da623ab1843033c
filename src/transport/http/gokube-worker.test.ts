import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ApiBed, openApiBed, TOKEN } from '../../../test/api-bed.ts'
import { ask } from '../../../test/raw-request.ts'
import { SILENT } from '../../../test/silent-log.ts'
import { gokubeWorkerRoutes } from './routes/gokube-worker.ts'
import { gokubeError } from './schemas/gokube.ts'
import { type HttpServer, startHttp } from './server.ts'

let bed: ApiBed
let worker: HttpServer
beforeAll(async () => {
  bed = await openApiBed()
  worker = await startHttp({
    ...{ api: bed.api, log: SILENT, socketPath: null, auth: 'token', version: '0.1.0' },
    listen: { host: '127.0.0.1', port: 0 },
    tokens: () => [{ id: 'test', sha256: createHash('sha256').update(TOKEN).digest('hex') }],
    routes: gokubeWorkerRoutes(bed.api.nodes()[0]?.name ?? ''),
  })
})
afterAll(async () => {
  await worker.close()
  await bed[Symbol.asyncDispose]()
})

const json = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }

test.each<[string, { method?: string; path?: string; body?: string; headers?: Record<string, string> }, number]>([
  ['a body that is no JSON', { body: '{' }, 400],
  ['a body of another shape', { body: '[]' }, 400],
  ['keys that JavaScript knows', { body: '{"__proto__":{"State":2}}' }, 400],
  ['a task without its parts', { body: '{"State":2,"Task":{}}' }, 400],
  ['a body that is too large', { body: JSON.stringify({ State: 2, Task: 'x'.repeat(2 ** 21) }) }, 413],
  ['a body of another type', { body: '{}', headers: { ...json, 'content-type': 'text/plain' } }, 400],
  ['no token', { body: '{}', headers: { 'content-type': 'application/json' } }, 401],
  ['a foreign site', { body: '{}', headers: { ...json, origin: 'https://evil.example' } }, 403],
  ['an id that is none', { method: 'DELETE', path: '/task/..%2f..' }, 400],
  ['an id of nothing', { method: 'DELETE', path: '/task/0b7c0000-0000-4000-8000-ffffffffffff' }, 404],
  ['another method', { method: 'PUT' }, 405],
])('a worker of gokube refuses %s in the form of gokube, and starts nothing', async (_, wrong, status) => {
  const answer = await ask({ url: worker.address ?? '', method: 'POST', path: '/task', headers: json, ...wrong })
  expect(answer.status).toBe(status)
  expect(gokubeError.parse(JSON.parse(answer.text))).toMatchObject({ HttpStatusCode: status })
  expect(bed.api.dispatches()).toEqual([])
})

async function refusal(path: string, headers: Record<string, string>) {
  const { status, text } = await ask({ url: worker.address ?? '', path, headers })
  return { status, body: gokubeError.parse(JSON.parse(text)) }
}

test('a worker of gokube serves nothing else, and says so in the form of gokube', async () => {
  for (const path of ['/api/v1/cluster', '/metrics', '/api/status', '/api/v1/join-tokens'])
    expect(await refusal(path, json)).toMatchObject({ status: 404, body: { HttpStatusCode: 404 } })
  expect(await refusal('/api/v1/cluster', {})).toMatchObject({ status: 401, body: { HttpStatusCode: 401 } })
})

test('a task that waits for its worker is shown there, and can be stopped', async () => {
  const ID = '0b7c0000-0000-4000-8000-000000000002'
  const Task = { ID, Name: 'large', Image: 'example/large:1', Memory: 2 ** 50 }
  const send = (method: string, path: string, body?: string) =>
    ask({ url: worker.address ?? '', method, path, headers: json, ...(body === undefined ? {} : { body }) })
  expect((await send('POST', '/task', JSON.stringify({ State: 2, Task }))).status).toBe(201)
  expect(JSON.parse((await send('GET', '/task')).text)).toMatchObject([{ ID, State: 0 }])
  expect((await send('DELETE', `/task/${ID}`)).status).toBe(204)
  expect(bed.api.dispatched(ID).dispatch.desired).toBe('stopped')
})
