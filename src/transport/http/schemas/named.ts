import * as z from 'zod'

interface Name {
  readonly id: string
  readonly description: string
}

const NAMES = new Map<z.ZodType, Name>()

/** Gives a schema its name in the OpenAPI document, and holds it to the type that the code uses. */
export function named<T>(id: string, schema: z.ZodType<T>, description: string): z.ZodType<T> {
  NAMES.set(schema, { id, description })
  return schema
}

/** The names for one direction. What may be left out of a request but is there in an answer has another name there. */
export function namesFor(io: 'input' | 'output'): z.core.$ZodRegistry<Name> {
  const names = z.registry<Name>()
  for (const [schema, name] of NAMES) {
    const differs = io === 'input' && jsonOf(schema, 'input') !== jsonOf(schema, 'output')
    names.add(schema, differs ? { ...name, id: `${name.id}Input` } : name)
  }
  return names
}

function jsonOf(schema: z.ZodType, io: 'input' | 'output'): string {
  return JSON.stringify(z.toJSONSchema(schema, { io, unrepresentable: 'any' }))
}

/** A list that nobody changes, as the code has them. */
export function listOf<T>(schema: z.ZodType<T>): z.ZodType<readonly T[]> {
  return z.array(schema)
}

export const text = z.string()
export const count = z.int().min(0)
export const positive = z.int().min(1)
/** Milliseconds since 1970. */
export const instant = z.int()
export const textMap = z.record(z.string(), z.string())
