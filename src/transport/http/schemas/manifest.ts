import * as z from 'zod'
import { type ManifestRevision, REVISION_STATES } from '../../../core/model/manifest.ts'
import type { DispatchView, RevisionProgress } from '../../../core/model/view.ts'
import type { DispatchDetail, Validation } from '../../wire.ts'
import { problem } from './error.ts'
import { count, instant, listOf, named, positive, text } from './named.ts'
import { serviceSpec, serviceView } from './service.ts'
import { dispatchOf, taskView } from './task.ts'

export const validation: z.ZodType<Validation> = named(
  'Validation',
  z.strictObject({
    problems: z.array(problem),
    notes: z.array(z.strictObject({ path: text, message: text, line: count, column: count })),
    services: z.array(text),
    placements: z.array(text),
  }),
  'What is wrong with a manifest and what is worth knowing about it. Without problems it can be planned.',
)

const revisionKeys = {
  number: positive,
  state: z.enum(REVISION_STATES),
  message: text,
  services: z.array(text),
  placements: z.array(text),
  removes: z.array(text),
  cause: text,
  by: text,
  createdAt: instant,
  finishedAt: instant.nullable(),
}

export type RevisionSummary = Omit<ManifestRevision, 'text'>

export const revisionSummary: z.ZodType<RevisionSummary> = named(
  'RevisionSummary',
  z.strictObject(revisionKeys),
  'A manifest revision without its text.',
)

export const revision: z.ZodType<ManifestRevision> = named(
  'Revision',
  z.strictObject({ ...revisionKeys, text }),
  'One accepted manifest.',
)

export const revisionProgress: z.ZodType<RevisionProgress> = named(
  'RevisionProgress',
  z.strictObject({ revision: revisionSummary, services: listOf(serviceView) }),
  'How far a manifest revision has come.',
)

export const dispatch: z.ZodType<DispatchView> = named(
  'Dispatch',
  dispatchOf(serviceSpec),
  'A task that was started by hand, outside the manifest.',
)

export const dispatchDetail: z.ZodType<DispatchDetail> = named(
  'DispatchDetail',
  z.strictObject({ dispatch, tasks: listOf(taskView) }),
  'A task started by hand and its attempts, newest first.',
)
