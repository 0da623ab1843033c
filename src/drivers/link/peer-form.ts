import * as z from 'zod'
import type { Key, ObjectKind, ObjectTypes } from '../../core/model/objects.ts'
import type { HeldState } from '../../core/replica/take-over.ts'
import type { Tenure } from '../../core/replica/tenure.ts'
import type { PeerMessage } from '../../ports/peers.ts'
import { count, type Forms, word } from './forms.ts'

/** First message of both ends of a connection between servers. */
export interface PeerHello {
  readonly kind: 'hello'
  /** Where others dial it, as they name it. */
  readonly address: string
}

/** Says that its sender is there. */
export interface PeerAlive {
  readonly kind: 'alive'
}

export type PeerFrame = PeerMessage | PeerHello | PeerAlive

// A server of the cluster may write whatever it likes into the state; here only its outline is checked.
const key = z.string().max(2_000) as unknown as z.ZodType<Key>
const value = z.unknown() as z.ZodType<ObjectTypes[ObjectKind]>
const tenure = z.object({ number: count, by: count, from: count, since: count } satisfies Forms<Tenure>)
const record = z.object({ key, value, revision: count })
const state = z.object({
  tenures: z.array(tenure).max(1_000),
  revision: count,
  records: z.array(record),
} satisfies Forms<HeldState>)
const batch = z.object({ revision: count, changes: z.array(z.object({ key, value: value.nullable() })) })
const commit = z.object({
  epoch: count.nullable(),
  expect: z.array(z.object({ key, revision: count })),
  writes: z.array(z.union([z.object({ put: key, value }), z.object({ delete: key })])),
  events: z.array(z.looseObject({ kind: word })),
})
const outcome = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('committed'), revision: count }),
  z.object({ kind: z.literal('conflict'), keys: z.array(key) }),
  z.object({ kind: z.literal('fenced'), epoch: count }),
])

/** What servers say to each other. */
export const peerFrame = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('hello'), address: word }),
  z.object({ kind: z.literal('alive') }),
  z.object({ kind: z.literal('offer'), state }),
  z.object({ kind: z.literal('state'), state }),
  z.object({ kind: z.literal('batch'), batch }),
  z.object({ kind: z.literal('commit'), number: count, commit }),
  z.object({ kind: z.literal('outcome'), number: count, outcome }),
  z.object({ kind: z.literal('refused'), number: count }),
]) as unknown as z.ZodType<PeerFrame>

export const PEER_KINDS: ReadonlySet<string> = new Set<PeerFrame['kind']>([
  'hello',
  'alive',
  'offer',
  'state',
  'batch',
  'commit',
  'outcome',
  'refused',
])
