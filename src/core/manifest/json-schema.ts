import * as z from 'zod'
import { docOf } from './schema-key.ts'
import { manifestForm } from './schema-root.ts'
import { serviceForm } from './schema-service.ts'

/**
 * The JSON Schema of a manifest, for editors: completion, descriptions and the first mistakes. The loader finds more,
 * because a schema cannot compare one part of a document with another.
 */
export function manifestJsonSchema(): Record<string, unknown> {
  const definitions = z.registry<{ id: string }>()
  definitions.add(serviceForm, { id: 'service' })
  definitions.add(manifestForm, { id: 'manifest' })
  const { schemas } = z.toJSONSchema(definitions, {
    target: 'draft-7',
    io: 'input',
    uri: (id) => `#/definitions/${id}`,
    override: ({ zodSchema, jsonSchema }) => describe(zodSchema, jsonSchema),
  })
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Gantry manifest',
    description: 'Services, placements, or one service alone.',
    anyOf: [{ $ref: '#/definitions/manifest' }, { $ref: '#/definitions/service' }],
    definitions: {
      service: withoutHeader(schemas['service']),
      manifest: { ...withoutHeader(schemas['manifest']), patternProperties: { '^x-': {} } },
    },
  }
}

function describe(schema: z.core.$ZodTypes, json: z.core.JSONSchema.BaseSchema): void {
  const doc = docOf(schema)
  if (doc === undefined) return
  const { description, absent, spelling } = doc
  const also = spelling === undefined ? '' : ` It is ${spelling}.`
  const otherwise = absent === undefined || absent.startsWith('required') ? '' : ` Default: ${absent}.`
  json.description = `${description}${also}${otherwise}`.replaceAll('`', '')
}

function withoutHeader(schema: object = {}): Record<string, unknown> {
  const { $schema: _, $id: __, ...body } = schema as Record<string, unknown>
  return body
}
