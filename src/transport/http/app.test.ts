import { expect, test } from 'vitest'
import { ALL_EVENTS, type ApiBed, openApiBed, TOKEN, until } from '../../../test/api-bed.ts'
import { ask, type RawAnswer } from '../../../test/raw-request.ts'
import type { Api } from '../../control/api.ts'
import { createApp } from './app.ts'
import { Gate } from './auth.ts'
import { RequestCounter } from './metrics.ts'
import { allRoutes } from './routes.ts'

const MANIFEST = 'services:\n  - {service_name: web, image: "example/web:1", replicas: 1}\n'

function post(bed: ApiBed, path: string, body: unknown, headers: Record<string, string> = {}): Promise<RawAnswer> {
  const all = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', ...headers }
  return ask({ url: bed.url, method: 'POST', path, headers: all, body: JSON.stringify(body) })
}

test('the same idempotency key carries a write out once, and belongs to that write', async () => {
  await using bed = await openApiBed()
  await bed.client.apply({ kind: 'apply', text: MANIFEST, file: null }, null)
  const key = { 'idempotency-key': 'the one' }
  const first = await post(bed, '/api/v1/services/web/scale', { replicas: 2 }, key)
  const again = await post(bed, '/api/v1/services/web/scale', { replicas: 2 }, key)
  expect(JSON.parse(again.text)).toMatchObject({ revision: (JSON.parse(first.text) as { revision: number }).revision })
  expect(bed.api.revisions()).toHaveLength(2)
  const other = await post(bed, '/api/v1/services/web/scale', { replicas: 3 }, key)
  expect(JSON.parse(other.text)).toMatchObject({ error: { code: 'IDEMPOTENCY_MISMATCH', status: 409 } })

  const task = { name: 'report', image: 'example/report:1' }
  const created = await post(bed, '/api/v1/dispatches', task, { 'idempotency-key': 'two' })
  const repeated = await post(bed, '/api/v1/dispatches', task, { 'idempotency-key': 'two' })
  const { id } = JSON.parse(created.text) as { id: string }
  expect([created.status, repeated.status]).toEqual([201, 201])
  expect(JSON.parse(repeated.text)).toMatchObject({ id })
  expect(bed.api.dispatches().map((dispatch) => dispatch.id)).toEqual([id])
})

test('a plan that was made for another change is refused', async () => {
  await using bed = await openApiBed()
  const plan = await bed.client.plan({ kind: 'apply', text: MANIFEST, file: null })
  const change = { kind: 'apply', text: MANIFEST.replace('1}', '2}'), file: null }
  expect((await post(bed, '/api/v1/apply', { change, plan })).status).toBe(400)
  const forged = { ...plan, actions: [], facts: { nothing: 'moved' }, id: '0000' }
  expect(JSON.parse((await post(bed, '/api/v1/apply', { change: plan.change, plan: forged })).text)).toMatchObject({
    error: { code: 'PLAN_STALE' },
  })
  expect(bed.api.revisions()).toEqual([])
})

test('what the loader has to say of a manifest stands in the plan', async () => {
  await using bed = await openApiBed()
  const text = 'services:\n  web: {image: "example/web:1", replicas: 2, scale_policy: {max_replicas: 3}}\n'
  const message = 'names neither target_cpu nor target_memory: nothing will scale the service'
  expect((await bed.client.validate(text, null)).notes).toMatchObject([{ message, line: 2 }])
  const plan = await bed.client.plan({ kind: 'apply', text, file: null })
  expect(plan.notes).toContainEqual({ service: 'web', field: 'scale_policy', message })
  expect((await bed.client.apply(plan.change, plan)).plan.id).toBe(plan.id)
})

test('events are sent with id and kind, and resumed after the last one seen', async () => {
  await using bed = await openApiBed()
  await bed.client.dispatch({ name: 'report', image: 'example/report:1' })
  const kept = bed.api.events(ALL_EVENTS)
  const [first, second] = kept
  const response = await fetch(`${bed.url}/api/v1/events`, {
    headers: { authorization: `Bearer ${TOKEN}`, accept: 'text/event-stream', 'last-event-id': first?.id ?? '' },
  })
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  let text = ''
  for await (const part of response.body ?? []) {
    text += new TextDecoder().decode(part)
    if (text.includes(kept.at(-1)?.id ?? '')) break
  }
  expect(text).not.toContain(`id: ${first?.id}\n`)
  expect(text).toContain(`id: ${second?.id}\nevent: ${second?.kind}\ndata: ${JSON.stringify(second)}\n\n`)
})

test('a stream that fails on the way ends with a line that says so', async () => {
  await using bed = await openApiBed()
  await bed.client.dispatch({ name: 'report', image: 'example/report:1' })
  await until(bed.api, () => bed.api.tasks({ service: null, all: true }).length === 1)
  const [task] = bed.api.tasks({ service: null, all: true })
  const broken = changed(bed.api, {
    logs: async function* () {
      yield { task: task?.id ?? '', stream: 'stdout', at: 1, text: 'one' }
      throw new TypeError('secret inside')
    },
  })
  const answer = await injected(broken, `/api/v1/tasks/${task?.id}/logs`)
  const [line, last] = answer
    .trimEnd()
    .split('\n')
    .map((text) => JSON.parse(text) as unknown)
  expect(line).toMatchObject({ text: 'one' })
  expect(last).toMatchObject({ error: { code: 'INTERNAL', message: 'something went wrong in the server' } })
})

test('an answer that does not come in time is a timeout, of a write an unknown outcome', async () => {
  await using bed = await openApiBed()
  const never = () => new Promise<never>(() => undefined)
  const slow = changed(bed.api, { hostStats: never, apply: never })
  expect(JSON.parse(await injected(slow, '/api/v1/nodes/1/stats'))).toMatchObject({ error: { code: 'TIMEOUT' } })
  const late = await injected(slow, '/api/v1/services/web/restart', 'POST')
  expect(JSON.parse(late)).toMatchObject({ error: { code: 'OUTCOME_UNKNOWN', retry: 'same-key' } })
})

test('a fault of ours is logged under the id that the user is told, and tells nothing else', async () => {
  await using bed = await openApiBed()
  const faulty = changed(bed.api, {
    services: () => {
      throw new TypeError('secret inside')
    },
  })
  const logged: string[] = []
  const answer = await injected(faulty, '/api/v1/services', 'GET', logged)
  const { requestId } = (JSON.parse(answer) as { error: { requestId: string } }).error
  expect(answer).not.toContain('secret')
  expect(logged.join()).toContain(requestId)
  expect(logged.join()).toContain('secret inside')
})

/** The same facade, in a world where some calls go differently. */
function changed(api: Api, calls: Partial<Api>): Api {
  return new Proxy(api, {
    get: (target, name) => {
      const call = Reflect.get(calls, name) ?? Reflect.get(target, name)
      return typeof call === 'function' ? call.bind(target) : call
    },
  })
}

/** The answer of an app of its own over that facade. */
async function injected(api: Api, url: string, method: 'GET' | 'POST' = 'GET', logged: string[] = []): Promise<string> {
  const note = (message: string, fields: unknown): void => void logged.push(`${message} ${JSON.stringify(fields)}`)
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: note }
  const gate = new Gate({ tokens: () => [], auth: 'none', names: [], listenHost: '127.0.0.1', now: () => 0 })
  const routes = allRoutes({ version: '1', openapi: () => ({}), metrics: () => [] })
  const closing = new AbortController().signal
  const app = createApp({
    api,
    log,
    gate,
    routes,
    requests: new RequestCounter(),
    local: new WeakMap(),
    nodeOf: () => null,
    closing,
    answerWithinMs: 50,
  })
  const { body } = await app.inject({ method, url, headers: { host: 'localhost' } })
  await app.close()
  return body
}
