import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { openApiBed, TOKEN, until } from '../../../test/api-bed.ts'
import { ask } from '../../../test/raw-request.ts'
import { openApiDocument } from './openapi.ts'
import { allRoutes } from './routes.ts'

const FILE = 'docs/reference/openapi.json'
/** With UPDATE_GENERATED=1 the file is rewritten instead of compared; review it as a diff. */
const update = process.env['UPDATE_GENERATED'] === '1'

const routes = allRoutes({ version: '0.1.0', openapi: () => ({}), metrics: () => [] })
const document = openApiDocument(routes, '0.1.0') as unknown as {
  readonly paths: Record<string, Record<string, { operationId: string; responses: Record<string, unknown> }>>
  readonly components: { readonly schemas: Record<string, unknown> }
}
const operations = Object.values(document.paths).flatMap((path) => Object.values(path))

test('the committed OpenAPI document is what the route table says', () => {
  const current = `${JSON.stringify(document, null, 2)}\n`
  if (update) writeFileSync(FILE, current)
  expect(readFileSync(FILE, 'utf8')).toBe(current)
})

test('every route is described once, with its answer and its failures', () => {
  expect(operations).toHaveLength(routes.length)
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(routes.length)
  for (const { responses } of operations) expect(Object.keys(responses)).toHaveLength(2)
})

test('every reference leads to a schema, and every schema is referred to', () => {
  const referred = new Set(
    [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name),
  )
  expect([...referred].sort()).toEqual(Object.keys(document.components.schemas).sort())
})

test('the server tells its users the same document', async () => {
  await using bed = await openApiBed()
  const headers = { authorization: `Bearer ${TOKEN}` }
  expect(JSON.parse((await ask({ url: bed.url, path: '/api/v1/openapi.json', headers })).text)).toEqual(document)
})

const MANIFEST = `
services:
  web:
    image: example/web:1
    replicas: 2
    ports: ["80"]
    health_check: /ready
    volumes: ["/srv:/srv:ro", "cache:/cache"]
    scale_policy: {min_replicas: 1, max_replicas: 3, target_cpu: 50}
    resources: {cpu_millicores: 100, memory_bytes: 67108864}
`

test('what the routes answer keeps to the schemas that the document names', async () => {
  await using bed = await openApiBed()
  await bed.foundAuthority()
  const plan = await bed.client.plan({ kind: 'apply', text: MANIFEST, file: null })
  await bed.client.apply(plan.change, plan)
  await bed.client.dispatch({ id: ID, name: 'report', command: ['true'] })
  await until(bed.api, () => bed.api.tasks({ service: null, all: false }).filter(({ ready }) => ready).length === 3)
  const paths: Readonly<Record<string, string>> = {
    ':name': 'web',
    ':number': '1',
    ':taskId': ID,
    ':node': '1',
    '*': 'web.1.1',
  }
  for (const route of routes) {
    if (route.method !== 'GET' || route.answer.kind === 'exec' || route.answer.kind === 'pulses') continue
    const id = route.path.includes('/nodes') ? '1' : route.path.includes('/dispatches') ? ID : 'web.1.1'
    const query = route.path === '/api/node' ? '?id=1' : ''
    const path = route.path.replaceAll(/:\w+|\*/g, (part) => paths[part] ?? id) + query
    const answer = await ask({ url: bed.url, path, headers: { authorization: `Bearer ${TOKEN}` } })
    expect(`${path} ${answer.status}`).toBe(`${path} 200`)
    const values: unknown[] = valuesOf(route.answer.kind, answer.text)
    for (const value of values) expect(() => route.answer.schema.parse(value), path).not.toThrow()
    expect(values).not.toEqual([])
  }
})

const ID = '0b7c0000-0000-4000-8000-000000000001'

function valuesOf(kind: string, text: string): unknown[] {
  if (kind === 'text') return [text]
  if (kind === 'events') return JSON.parse(text) as unknown[]
  if (kind !== 'lines') return [JSON.parse(text)]
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)
}
