import * as z from 'zod'
import type { Api, Caller } from '../../../control/api.ts'
import type { WireAccepted } from '../../wire.ts'
import { toWirePlan } from '../load-change.ts'
import { listOf } from '../schemas/named.ts'
import { wireAccepted } from '../schemas/plan.ts'
import { serviceDetail, serviceView } from '../schemas/service.ts'
import { logLine } from '../schemas/task.ts'
import { byName, logQuery } from './params.ts'
import { jsonRoute, type Route, streamRoute } from './route.ts'

export const serviceRoutes: readonly Route[] = [
  jsonRoute({
    method: 'GET',
    path: '/services',
    summary: 'All services of the manifest, by name.',
    access: 'node',
    response: listOf(serviceView),
    handle: (api) => api.services(),
  }),
  jsonRoute({
    method: 'GET',
    path: '/services/:name',
    summary: 'One service with its spec and all its tasks.',
    params: byName,
    response: serviceDetail,
    handle: (api, { params }) => api.service(params.name),
  }),
  streamRoute({
    method: 'GET',
    path: '/services/:name/logs',
    summary: 'The log lines of all tasks of a service; with follow, of its new tasks too.',
    kind: 'lines',
    params: byName,
    query: logQuery,
    response: logLine,
    handle: (api, { params, query, signal }) => {
      // An unknown name is an answer of its own, before a stream begins.
      api.service(params.name)
      return api.serviceLogs(params.name, query, signal)
    },
  }),
  jsonRoute({
    method: 'POST',
    path: '/services/:name/scale',
    summary: 'Sets the number of replicas. Makes a manifest revision.',
    status: 202,
    params: byName,
    body: z.strictObject({ replicas: z.int().min(0).max(10_000) }),
    response: wireAccepted,
    handle: (api, { params, body, caller }) => {
      return change(api, { kind: 'scale', service: params.name, replicas: body.replicas }, caller)
    },
  }),
  jsonRoute({
    method: 'POST',
    path: '/services/:name/restart',
    summary: 'Replaces the tasks of a service as an update would. Makes a manifest revision.',
    status: 202,
    params: byName,
    body: z.strictObject({}),
    response: wireAccepted,
    handle: (api, { params, caller }) => change(api, { kind: 'restart', service: params.name }, caller),
  }),
]

type ServiceChange =
  | { readonly kind: 'scale'; readonly service: string; readonly replicas: number }
  | { readonly kind: 'restart'; readonly service: string }

async function change(api: Api, request: ServiceChange, caller: Caller): Promise<WireAccepted> {
  const { revision, plan } = await api.apply(request, null, caller)
  return { revision, plan: toWirePlan(plan, request, []) }
}
