import * as z from 'zod'
import { fromWirePlan, loadChange, toWirePlan, validateText } from '../load-change.ts'
import { revision, revisionProgress, revisionSummary, validation } from '../schemas/manifest.ts'
import { listOf } from '../schemas/named.ts'
import { changeRequest, wireAccepted, wirePlan } from '../schemas/plan.ts'
import { byNumber } from './params.ts'
import { jsonRoute, MIB, type Route } from './route.ts'

/** A manifest of 1 MiB, written as JSON, twice: in the change and in the plan that comes with it. */
const BODY_LIMIT_BYTES = 4 * MIB

export const manifestRoutes: readonly Route[] = [
  jsonRoute({
    method: 'POST',
    path: '/validate',
    summary: 'Finds all problems of a manifest. Changes nothing and needs no node.',
    body: z.strictObject({ text: z.string(), file: z.string().max(4_096).nullable().default(null) }),
    bodyLimitBytes: BODY_LIMIT_BYTES,
    response: validation,
    handle: (_api, { body }) => validateText(body.text, body.file),
  }),
  jsonRoute({
    method: 'POST',
    path: '/plan',
    summary: 'Computes what a change would do. Changes nothing.',
    body: z.strictObject({ change: changeRequest }),
    bodyLimitBytes: BODY_LIMIT_BYTES,
    response: wirePlan,
    handle: async (api, { body }) => {
      const { change, notes } = await loadChange(body.change)
      return toWirePlan(await api.plan(change), body.change, notes)
    },
  }),
  jsonRoute({
    method: 'POST',
    path: '/apply',
    summary: 'Makes a change the desired state, whole or not at all. With a plan, only if that still holds.',
    status: 202,
    body: z.strictObject({ change: changeRequest, plan: wirePlan.nullable().default(null) }),
    bodyLimitBytes: BODY_LIMIT_BYTES,
    response: wireAccepted,
    handle: async (api, { body, caller }) => {
      const { change, notes } = await loadChange(body.change)
      const given = body.plan === null ? null : fromWirePlan(body.plan, body.change, change)
      const { revision: number, plan } = await api.apply(change, given, caller)
      return { revision: number, plan: toWirePlan(plan, body.change, notes) }
    },
  }),
  jsonRoute({
    method: 'GET',
    path: '/revisions',
    summary: 'All manifest revisions, newest first, without their text.',
    response: listOf(revisionSummary),
    handle: (api) => api.revisions(),
  }),
  jsonRoute({
    method: 'GET',
    path: '/revisions/:number',
    summary: 'One manifest revision with its text.',
    params: byNumber,
    response: revision,
    handle: (api, { params }) => api.revision(params.number),
  }),
  jsonRoute({
    method: 'GET',
    path: '/revisions/:number/progress',
    summary: 'How far a manifest revision has come, service by service.',
    params: byNumber,
    response: revisionProgress,
    handle: (api, { params }) => api.progress(params.number),
  }),
]
