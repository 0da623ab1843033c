import * as z from 'zod'
import type { IncarnationProof } from '../../core/model/cluster.ts'
import type { Authority } from '../../core/model/message.ts'
import type { RuntimeDescription } from '../../core/model/node.ts'
import { type Resources, RUNTIME_KINDS } from '../../core/model/service.ts'

// What the forms of the wire share. Objects may have keys that a later version added: they are left out. Sizes are
// bounded, because the other end may be in the hands of somebody else.

/** A form for every key of a type, also for those that may be missing: what a form leaves out does not get through. */
export type Forms<T> = { readonly [K in keyof T]-?: z.ZodType }

/** A name, an address, a version. */
export const word = z.string().max(4_096)
/** Something for people, or what a user wrote. */
export const text = z.string().max(1_048_576)
export const words = z.array(text).max(10_000)
export const wordMap = z.record(word, text)
export const count = z.number().nonnegative()
export const whole = z.int().nonnegative()
export const positive = z.int().positive()
/** Milliseconds since 1970; null: never. */
export const moment = z.number().nullable()

export const authority = z.object({
  clusterId: word,
  incarnation: whole,
  epoch: whole,
  revision: whole,
} satisfies Forms<Authority>)

export const incarnationProof = z.object({
  at: count,
  chain: z.array(z.string().max(10_000)).max(10),
  signature: z.string().max(1_000),
} satisfies Forms<IncarnationProof>)

export const resources = z.object({
  cpuMillis: count,
  memoryBytes: count,
  diskBytes: count,
} satisfies Forms<Resources>)

export const runtime = z.object({
  kind: z.enum(RUNTIME_KINDS),
  available: z.boolean(),
  version: word,
  message: text,
  unsupported: wordMap,
} satisfies Forms<RuntimeDescription>)
