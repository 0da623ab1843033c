import * as z from 'zod'

/** What the reference page and the JSON Schema say of a key. */
export interface KeyDoc {
  readonly description: string
  /** What it is when it is left out, as the reference page words it. */
  readonly absent?: string
  /** Which seed spelling it is, or another spelling of the same key. */
  readonly spelling?: string
}

const docs = z.registry<KeyDoc>()

/** An optional key with its documentation. */
export function key<T extends z.ZodType>(
  schema: T,
  description: string,
  more: Omit<KeyDoc, 'description'> = {},
): z.ZodOptional<T> {
  const optional = schema.optional()
  docs.add(optional, { description, ...more })
  return optional
}

/** A key that must be there, with its documentation. */
export function required<T extends z.ZodType>(schema: T, description: string): T {
  // A clone, because the documentation belongs to the key and a schema may serve several.
  const own = schema.clone() as T
  docs.add(own, { description, absent: 'required' })
  return own
}

export function docOf(schema: z.core.$ZodType): KeyDoc | undefined {
  return docs.get(schema as z.ZodType)
}

/** Text, or a number or truth value that is taken as it is written. */
export const scalar = z.union([z.string(), z.number(), z.boolean()])

export const words = z.array(z.string().min(1))

export const wholeNumber = (min: number, max: number) => z.int().min(min).max(max)

export const sizeForm = z.union([z.int().min(0), z.string().min(1)])

export const durationForm = z.union([z.number().min(0), z.string().min(1)])

export const cpusForm = z.union([z.number().min(0), z.string().min(1)])

/** Named values as a mapping, or as a list of `NAME=value`. */
export const namedValues = z.union([z.record(z.string(), scalar), z.array(z.string())])

/** A program with its arguments: a list, or one text that is split like a command line, quotes respected. */
export const commandForm = z.union([z.string().min(1), z.array(scalar).min(1)])
