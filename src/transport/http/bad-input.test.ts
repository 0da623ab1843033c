import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import * as z from 'zod'
import { type ApiBed, openApiBed, TOKEN, until } from '../../../test/api-bed.ts'
import { ask, askBytes, type RawAnswer } from '../../../test/raw-request.ts'
import type { Route } from './routes/route.ts'
import { allRoutes } from './routes.ts'
import { wireError } from './schemas/error.ts'
import { goclusterError } from './schemas/gocluster.ts'
import { gokubeError } from './schemas/gokube.ts'

const MANIFEST = 'services:\n  - {service_name: web, image: "example/web:1", replicas: 1}\n'
const routes = allRoutes({ version: '0.1.0', openapi: () => ({}), metrics: () => [] })
const named = routes.map((route) => ({ name: `${route.method} ${route.path}`, route }))
const withBody = named.filter(({ route }) => route.body !== null)
const user = { authorization: `Bearer ${TOKEN}` }
const json = { ...user, 'content-type': 'application/json' }

let bed: ApiBed
let before: string
beforeAll(async () => {
  // Each wrong token comes an hour after the one before, so none of them is one too many.
  let hours = 0
  bed = await openApiBed({ now: () => ++hours * 3_600_000 })
  await bed.client.apply({ kind: 'apply', text: MANIFEST, file: null }, null)
  await until(bed.api, () => bed.api.revisions()[0]?.state === 'applied')
})
beforeEach(() => {
  before = state()
})
afterAll(() => bed[Symbol.asyncDispose]())

function state(): string {
  return JSON.stringify([bed.api.cluster().storeRevision, bed.api.revisions(), bed.api.dispatches()])
}

function pathOf(route: Route): string {
  const ids: Readonly<Record<string, string>> = {
    ':name': 'web',
    ':number': '1',
    ':taskId': '0b7c0000-0000-4000-8000-000000000001',
    '*': 'web',
  }
  const id = route.path.includes('/nodes') ? '1' : 'web.1.1'
  return route.path.replaceAll(/:\w+|\*/g, (part) => ids[part] ?? id)
}

/** A failure in the form of its route, that told nothing it should not, after which everything is as it was. */
function expectFailure(route: Route | null, answer: RawAnswer, status: number): string {
  const body: unknown = JSON.parse(answer.text)
  if (route?.errors === 'gokube') expect(gokubeError.parse(body)).toMatchObject({ HttpStatusCode: answer.status })
  else if (route?.errors === 'gocluster') goclusterError.parse(body)
  else expect(wireError.parse(body)).toMatchObject({ error: { status: answer.status } })
  expect(answer.status).toBe(status)
  expect(answer.text).not.toMatch(/node_modules|\.ts:|\/src\/| at \w+ \(/)
  expect(answer.text).not.toContain(TOKEN)
  expect(state()).toBe(before)
  return answer.text
}

const send = (
  route: Route,
  more: { method?: string; path?: string; headers?: Record<string, string>; body?: string },
) => ask({ url: bed.url, method: route.method, path: pathOf(route), headers: json, ...more })

test.each(named.filter(({ route }) => route.access !== 'public'))('$name needs a token, and the right one', async ({
  route,
}) => {
  const none = await send(route, { headers: {} })
  expectFailure(route, none, 401)
  expect(none.headers['www-authenticate']).toBe('Bearer')
  for (const authorization of ['Bearer wrong', `Basic ${TOKEN}`, 'Bearer', `Bearer ${TOKEN}x`, 'Bearer \u00ff']) {
    expectFailure(route, await send(route, { headers: { authorization } }), 401)
  }
})

test.each(named)('$name is not served to a foreign name or site', async ({ route }) => {
  for (const foreign of [
    { host: 'evil.example' },
    { host: 'localhost.evil.example:8080' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
  ]) {
    expectFailure(route, await send(route, { headers: { ...json, ...foreign } as Record<string, string> }), 403)
  }
})

test.each(named)('$name names the methods that its path takes', async ({ route }) => {
  for (const method of ['PUT', 'PATCH', 'OPTIONS', 'PROPFIND']) {
    const answer = await send(route, { method, headers: user })
    expectFailure(route, answer, 405)
    expect(answer.headers['allow']?.toString().split(', ')).toContain(route.method)
  }
})

test.each(named)('$name refuses a query that it does not know', async ({ route }) => {
  if (route.body !== null) return expect(route.query).toBeNull()
  const answer = await send(route, { path: `${pathOf(route)}?serivce=web` })
  const text = expectFailure(route, answer, 400)
  expect(text).toContain('serivce')
})

test.each(withBody)('$name refuses a body that is not one JSON object', async ({ route }) => {
  for (const body of ['{', '[]', 'null', '"text"', '3', '{"a":1}{"b":2}', '\u0000', '{"__proto__":{"x":1}}']) {
    expectFailure(route, await send(route, { body }), 400)
  }
})

test.each(withBody)('$name takes JSON only', async ({ route }) => {
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'application/yaml',
    '',
  ]) {
    const headers = { ...user, 'content-type': type }
    expectFailure(route, await send(route, { headers, body: '{"replicas":1}' }), 400)
  }
})

test.each(withBody)('$name refuses a body larger than its limit', async ({ route }) => {
  const body = JSON.stringify({ text: 'x'.repeat(route.bodyLimitBytes) })
  expectFailure(route, await send(route, { body }), 413)
})

test.each(withBody)('$name refuses an unknown key and names those that it knows', async ({ route }) => {
  const text = expectFailure(route, await send(route, { body: '{"nonsense\\u001b[31m":1}' }), 400)
  expect(text).not.toContain('\u001b')
  expect(text).toContain('nonsense')
})

const WRONG = [null, true, -1.5, 'text\u0000', [], [[]], {}, { '': 1 }, 1e300] as const

/** Each problem is put after its place, and in our words. */
const SAID = /[\w\])]: (?!body)(?:unknown key|is missing; it must be|must (?:be|have|not)|has the wrong form: |\\?")/

/** Every value of a body once replaced by values of other types. */
function mutations(schema: z.ZodType): readonly unknown[] {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as {
    properties?: Record<string, unknown>
  }
  return Object.keys(properties).flatMap((key) => WRONG.map((value) => ({ [key]: value })))
}

test.each(withBody)('$name refuses every field of a wrong type', async ({ route }) => {
  for (const body of mutations(route.body ?? z.never())) {
    if (route.body?.safeParse(body).success) continue
    const text = expectFailure(route, await send(route, { body: JSON.stringify(body) }), 400)
    expect(text).toMatch(SAID)
    if (route.errors !== 'gantry') continue
    const { message, problems: [first] = [] } = wireError.parse(JSON.parse(text)).error
    expect(message).toBe(`${first?.path}: ${first?.message}`)
  }
})

test.each([
  ['{"change":{"kind":"nod"}}', 'change.kind: must be one of ', 'did you mean node?'],
  ['{"change":{"kind":"destroy","x":1}}', 'change.x: unknown key', 'allowed here: kind'],
  [set({ x: 1 }), 'change.set.x: unknown key', 'allowed here: availability, labels, placement, publicAddress,'],
  [
    set({ availability: 'activ' }),
    'change.set.availability: must be one of active, pause, drain',
    'did you mean active?',
  ],
  [set({ placement: 'a b' }), 'change.set.placement: "a b" is not the name of a placement: letters, digits,', ''],
  [set({ publicAddress: 'a b' }), 'change.set.publicAddress: "a b" is not an address: an IP address, or', ''],
  [set({ region: 'r'.repeat(257) }), 'change.set.region: must have at most 256 characters, not 257', ''],
  [set({ labels: { 'a b': '1' } }), 'change.set.labels["a b"]: a label has a name of letters,', ''],
])('%s is refused in words that name the place once', async (body, says, hint) => {
  const { text } = await ask({ url: bed.url, method: 'POST', path: '/api/v1/plan', headers: json, body })
  const { error } = wireError.parse(JSON.parse(text))
  expect(error.message).toContain(`body.${says}`)
  expect(error.hint).toContain(hint)
})

function set(what: unknown): string {
  return JSON.stringify({ change: { kind: 'node', node: 1, set: what } })
}

test('a query that is not taken, or not as it is, is told in the same words', async () => {
  const said = async (path: string) => (await ask({ url: bed.url, path: `/api/v1${path}`, headers: user })).text
  expect(await said('/cluster?x=1')).toContain('query.x: unknown key')
  expect(await said('/events?limit=-1')).toContain('query.limit: must be a whole number, not \\"-1\\"')
  expect(await said('/events?after=y')).toContain('query.after: must be the id of an event, not \\"y\\"')
})

test('a misspelt key comes back with the right one', async () => {
  const headers = json
  const path = '/api/v1/services/web/scale'
  const { text } = await ask({ url: bed.url, method: 'POST', path, headers, body: '{"replica":3}' })
  expect(wireError.parse(JSON.parse(text)).error).toMatchObject({
    code: 'USAGE',
    problems: expect.arrayContaining([
      expect.objectContaining({ path: 'body.replica', hint: 'did you mean replicas? allowed here: replicas' }),
    ]),
  })
})

test('unknown paths are unknown to users only, and strange ones are refused', async () => {
  for (const path of ['/', '/api', '/api/v1', '/api/v2/services', '/API/v1/services', '//api/v1/services']) {
    expectFailure(null, await ask({ url: bed.url, path, headers: user }), 404)
    expectFailure(null, await ask({ url: bed.url, path }), 401)
  }
  expectFailure(null, await ask({ url: bed.url, path: '/api/v1/services/%ff', headers: user }), 400)
  expectFailure(null, await ask({ url: bed.url, path: '/api/v1/services/..%2f..%2fetc', headers: user }), 404)
  expectFailure(null, await ask({ url: bed.url, path: `/api/v1/services/${'x'.repeat(301)}`, headers: user }), 400)
  expectFailure(null, await ask({ url: bed.url, path: `/api/v1/services?x=${'x'.repeat(9_000)}`, headers: user }), 413)
  for (const path of [
    '/api/v1/tasks/web.1.9',
    '/api/v1/nodes/99',
    '/api/v1/nodes/x',
    '/api/v1/revisions/99',
    '/api/v1/explain/node/9',
  ]) {
    expectFailure(null, await ask({ url: bed.url, path, headers: user }), 404)
  }
  for (const path of [
    '/api/v1/services/',
    '/api/v1/revisions/0',
    '/api/v1/revisions/x',
    '/api/v1/revisions/1e2',
    '/api/v1/events?limit=-1',
    '/api/v1/events?after=yesterday',
  ]) {
    expectFailure(null, await ask({ url: bed.url, path, headers: user }), 400)
  }
})

test('a stream of events that goes on after one that never was is refused', async () => {
  const path = '/api/v1/events'
  const from = (id: string) => ({ ...user, accept: 'text/event-stream', 'last-event-id': id })
  expectFailure(null, await ask({ url: bed.url, path, headers: from('yesterday') }), 400)
  const text = expectFailure(null, await ask({ url: bed.url, path, headers: from('0000000000999999.000') }), 409)
  expect(text).toContain('has not happened in this cluster')
})

test('an idempotency key must be short and printable', async () => {
  const path = '/api/v1/services/web/restart'
  for (const key of ['x'.repeat(129), 'tab\there', 'caf\u00e9']) {
    const headers = { ...json, 'idempotency-key': key }
    expectFailure(null, await ask({ url: bed.url, method: 'POST', path, headers, body: '{}' }), 400)
  }
})

test('what is not HTTP, or too much of it, is answered in the same form', async () => {
  const head = `GET /api/v1/services HTTP/1.1\r\nhost: localhost\r\n${`authorization: Bearer ${TOKEN}`}\r\n`
  const statuses: (readonly [string, number])[] = [
    ['hello\r\n\r\n', 400],
    ['GET /api/v1/health HTTP/1.1\r\n\r\n', 400],
    [`${head}host: 127.0.0.1\r\n\r\n`, 400],
    [`${head}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    [`${head}x: ${'y'.repeat(17_000)}\r\n\r\n`, 413],
    [`${head}${'x: y\r\n'.repeat(98)}\r\n`, 413],
    [`${head}bad header: x\r\n\r\n`, 400],
  ]
  for (const [bytes, status] of statuses) {
    const answer = await askBytes(bed.url, bytes.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n'))
    expect(answer.split(' ')[1]).toBe(String(status))
    expect(wireError.parse(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).error.status).toBe(status)
  }
  expect(state()).toBe(before)
})

test('an offer to upgrade to something else is left unused', async () => {
  const headers = { ...user, connection: 'upgrade', upgrade: 'h2c' }
  expect((await ask({ url: bed.url, path: '/api/v1/services', headers })).status).toBe(200)
  expectFailure(null, await ask({ url: bed.url, path: '/api/v1/tasks/web.1.1/exec', headers }), 400)
})
