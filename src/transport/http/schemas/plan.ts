import * as z from 'zod'
import { LABEL_NAME, LABEL_NAME_RULE, whyNoAddress, whyNoPlacementName } from '../../../core/manifest/names.ts'
import { AVAILABILITIES } from '../../../core/model/node.ts'
import {
  ACTION_KINDS,
  type NodeAction,
  type NodeSet,
  type PlanAction,
  type PlanNote,
} from '../../../core/model/plan.ts'
import type { ChangeRequest, WireAccepted, WirePlan } from '../../wire.ts'
import { count, named, positive, text, textMap } from './named.ts'

const serviceName = text.min(1).max(200)
const label = text.max(256)

/** What refuses a text for the reason that is found, if there is one. */
function accepted(whyNot: (text: string) => string | null) {
  const error = ({ input }: { readonly input?: unknown }): string => whyNot(String(input)) ?? ''
  return [(text: string): boolean => whyNot(text) === null, { error }] as const
}

const AS_SAID = 'null: as the node’s agent says.'

const nodeSet: z.ZodType<NodeSet> = z.strictObject({
  availability: z.enum(AVAILABILITIES).exactOptional(),
  labels: z
    .record(z.string().regex(LABEL_NAME, LABEL_NAME_RULE), label.nullable())
    .exactOptional()
    .describe('null takes a label away.'),
  placement: text
    .refine(...accepted(whyNoPlacementName))
    .nullable()
    .exactOptional()
    .describe(AS_SAID),
  publicAddress: text
    .max(253)
    .refine(...accepted(whyNoAddress))
    .nullable()
    .exactOptional()
    .describe(AS_SAID),
  region: label.nullable().exactOptional().describe(`Empty: none. ${AS_SAID}`),
  zone: label.nullable().exactOptional().describe(`Empty: none. ${AS_SAID}`),
})

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
    z.strictObject({
      kind: z.literal('node'),
      node: positive,
      set: nodeSet,
      force: force('also where that costs data'),
    }),
    z.strictObject({ kind: z.literal('remove-node'), node: positive, force: force('also with tasks, if unreachable') }),
    z.strictObject({
      kind: z.literal('fence-node'),
      node: positive,
      confirmDead: z.boolean().default(false).describe('The word of a person that its machine is off.'),
    }),
    z.strictObject({
      kind: z.literal('upgrade'),
      version: text.min(1).max(100),
      level: positive.max(10_000).describe('The highest level that this version knows.'),
      force: force('also while agents that cannot be reached have not got it'),
    }),
    z.strictObject({
      kind: z.literal('replace-node'),
      node: positive,
      with: positive.nullable().default(null).describe('null: the next machine that joins takes its place.'),
    }),
    z.strictObject({ kind: z.enum(['rotate-authority', 'rotate-cluster-key']) }),
  ]),
  'What a user asks to be changed.',
)

function force(what: string) {
  return z.boolean().default(false).describe(`Go ahead ${what}.`)
}

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

const nodeAction: z.ZodType<NodeAction> = z.strictObject({
  node: positive,
  name: text,
  kind: z.enum(['change', 'remove', 'fence', 'replace', 'upgrade']),
  fields: z.array(z.strictObject({ field: text, from: text, to: text })),
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
    nodes: z.array(nodeAction),
    level: z
      .strictObject({ from: positive, to: positive })
      .nullable()
      .default(null)
      .describe('What the level of the cluster becomes; null: it stays.'),
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
  'A change that is the desired state now. revision is null when it made none: nothing changed, or a node did.',
)
