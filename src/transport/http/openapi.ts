import * as z from 'zod'
import { docOf } from '../../core/manifest/schema-key.ts'
import { invariant } from '../../lib/assert.ts'
import { canonicalJson } from '../../lib/canonical-json.ts'
import type { Route } from './routes/route.ts'
import { wireError } from './schemas/error.ts'
import { goclusterError } from './schemas/gocluster.ts'
import { gokubeError } from './schemas/gokube.ts'
import { namesFor } from './schemas/named.ts'

type Json = Readonly<Record<string, unknown>>

/** The OpenAPI 3.1 description of a route table. The same table gives the same document. */
export function openApiDocument(routes: readonly Route[], version: string): Json {
  const components = new Map<string, Json>()
  const names = { input: namesFor('input'), output: namesFor('output') }
  const describe: Describe = (schema, io) => {
    const {
      $schema: _,
      $defs = {},
      ...own
    } = referring(z.toJSONSchema(schema, { io, metadata: names[io], unrepresentable: 'any', override: complete }))
    for (const [name, definition] of Object.entries($defs)) addComponent(name, definition, components)
    return own
  }
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}').replace('*', '{object}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route, describe) }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Gantry', version, description: 'The API of a Gantry server.' },
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: Object.fromEntries([...components].sort(([a], [b]) => (a < b ? -1 : 1))),
    },
  }
}

const ERRORS = { gantry: wireError, gokube: gokubeError, gocluster: goclusterError }

type Describe = (schema: z.ZodType, io: 'input' | 'output') => Json

function operation(route: Route, describe: Describe): Json {
  const error = describe(ERRORS[route.errors], 'output')
  return {
    operationId: operationId(route),
    summary: route.summary,
    ...(route.access === 'public' ? { security: [] } : {}),
    parameters: [...parameters(route, 'path', describe), ...parameters(route, 'query', describe), ...headers(route)],
    ...(route.body === null ? {} : { requestBody: { required: true, content: json(describe(route.body, 'input')) } }),
    responses: {
      [route.answer.status]: answer(route, describe),
      default: { description: 'What went wrong.', content: json(error) },
    },
  }
}

function operationId({ method, path, errors }: Route): string {
  const words = path.replace(/^\/api(?:\/v1)?/, '').match(/\w+|\*/g) ?? []
  // Its paths are those of ours without the version.
  const whose = errors === 'gocluster' ? [errors] : []
  return [method.toLowerCase(), ...whose, ...words].join('-').replaceAll('*', 'object')
}

function answer({ answer: { kind, schema } }: Route, describe: Describe): Json {
  const item = describe(schema, 'output')
  switch (kind) {
    case 'json':
      return item['type'] === 'null' ? { description: 'Done.' } : { description: 'The answer.', content: json(item) }
    case 'lines':
      return {
        description: 'One JSON value a line. A stream that fails ends with a line of the error.',
        content: { 'application/x-ndjson': { schema: item } },
      }
    case 'events': {
      const list = { schema: { type: 'array', items: item } }
      const content = { 'application/json': list, 'text/event-stream': { schema: item } }
      return { description: 'A list; or server-sent events with the same values, each with its id.', content }
    }
    case 'pulses':
      return { description: 'Server-sent events.', content: { 'text/event-stream': { schema: item } } }
    case 'text':
      return { description: 'The answer.', content: { 'text/plain': { schema: item } } }
    case 'exec':
      return {
        description:
          'A WebSocket of binary messages. The first byte is the channel: 0 input, 1 output, 2 error output, 3 control, which is JSON. ' +
          'The client begins with {"start": {"argv": [...], "tty", "stdin", "env", "user", "workingDir", "size"}} and may send ' +
          '{"resize": {"columns", "rows"}} and {"eof": true}. The server says {"started": true}, then {"exit": code} or {"error": ...}.',
      }
  }
}

function json(schema: Json): Json {
  return { 'application/json': { schema } }
}

function parameters(route: Route, where: 'path' | 'query', describe: Describe): readonly Json[] {
  const schema = where === 'path' ? route.params : route.query
  if (schema === null) return []
  const { properties = {}, required = [] } = describe(schema, 'input') as {
    properties?: Record<string, Json>
    required?: string[]
  }
  return Object.entries(properties).map(([name, { description, ...form }]) => ({
    name: name === '*' ? 'object' : name,
    in: where,
    required: where === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: form,
  }))
}

function headers(route: Route): readonly Json[] {
  const header = (name: string, description: string): Json => ({
    name,
    in: 'header',
    description,
    schema: { type: 'string' },
  })
  if (route.answer.kind === 'events') return [header('Last-Event-ID', 'Go on after this event.')]
  const writes = route.method !== 'GET' && route.answer.status !== 200
  return writes ? [header('Idempotency-Key', 'The same key with the same request is carried out once.')] : []
}

function addComponent(name: string, { id: _, ...schema }: Json, components: Map<string, Json>): void {
  const known = components.get(name)
  invariant(known === undefined || canonicalJson(known) === canonicalJson(schema), `two schemas are called ${name}`)
  components.set(name, schema)
}

/** Adds what keys say of themselves, and takes out bounds that every whole number of JavaScript has. */
function complete({
  zodSchema,
  jsonSchema,
}: {
  zodSchema: z.core.$ZodTypes
  jsonSchema: z.core.JSONSchema.BaseSchema
}): void {
  const description = z.globalRegistry.get(zodSchema)?.description ?? docOf(zodSchema)?.description
  if (description !== undefined) jsonSchema.description ??= description
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
}

interface SchemaText extends Json {
  readonly $defs?: Readonly<Record<string, Json>>
}

/** The same with references to the components instead of the schema's own definitions. */
function referring(schema: unknown): SchemaText {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as SchemaText
}
