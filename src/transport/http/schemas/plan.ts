import * as z from 'zod'
import { ACTION_KINDS, type PlanAction, type PlanNote } from '../../../core/model/plan.ts'
import type { ChangeRequest, WireAccepted, WirePlan } from '../../wire.ts'
import { count, named, positive, text, textMap } from './named.ts'

const serviceName = text.min(1).max(200)

export const changeRequest: z.ZodType<ChangeRequest> = named(
  'Change',
  z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('apply'),
      text: text.describe('The manifest, at most 1 MiB.'),
      file: text.max(4_096).nullable().default(null).describe('What problems call the manifest.'),
    }),
    z.strictObject({ kind: z.literal('reapply') }),
    z.strictObject({ kind: z.literal('destroy') }),
    z.strictObject({
      kind: z.literal('rollback'),
      to: positive.nullable().default(null).describe('null: the last revision that was applied before the newest.'),
    }),
    z.strictObject({ kind: z.literal('scale'), service: serviceName, replicas: count.max(10_000) }),
    z.strictObject({ kind: z.literal('restart'), service: serviceName }),
  ]),
  'What a user asks to be changed.',
)

const note: z.ZodType<PlanNote> = z.strictObject({ service: text.nullable(), field: text.nullable(), message: text })

const action: z.ZodType<PlanAction> = z.strictObject({
  kind: z.enum(ACTION_KINDS),
  service: text,
  subject: text,
  tasks: z.array(z.strictObject({ slot: positive, task: text.nullable(), node: positive.nullable() })),
  fields: z.array(z.strictObject({ field: text, from: text, to: text, effect: z.enum(['in-place', 'replace']) })),
  because: text,
  consequence: text,
})

export const wirePlan: z.ZodType<WirePlan> = named(
  'Plan',
  z.strictObject({
    id: text,
    clusterId: text,
    baseRevision: count,
    change: changeRequest,
    actions: z.array(action),
    summary: z.strictObject({ add: count, update: count, replace: count, remove: count }),
    pulls: z.array(text),
    notes: z.array(note),
    blockers: z.array(note),
    facts: textMap,
  }),
  'All that a change would do. It may be kept and sent back: it is carried out only if it still holds.',
)

export const wireAccepted: z.ZodType<WireAccepted> = named(
  'Accepted',
  z.strictObject({ revision: positive.nullable(), plan: wirePlan }),
  'A change that is the desired state now. revision is null when there was nothing to change.',
)
