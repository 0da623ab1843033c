import * as z from 'zod'
import { OperationalError } from '../../../core/errors.ts'
import { serviceForm } from '../../../core/manifest/schema-service.ts'
import { loadDispatch, newDispatchId } from '../load-dispatch.ts'
import { dispatch, dispatchDetail } from '../schemas/manifest.ts'
import { listOf, named } from '../schemas/named.ts'
import { inspection, logLine, taskView } from '../schemas/task.ts'
import { byId, flag, logQuery } from './params.ts'
import { execRoute, jsonRoute, type Route, streamRoute } from './route.ts'

const taskQuery = z
  .strictObject({
    service: z.string().max(300).optional().describe('Only tasks of this service.'),
    all: flag.optional().describe('Ended tasks too.'),
  })
  .transform(({ service = null, all = false }) => ({ service, all }))

export const taskRoutes: readonly Route[] = [
  jsonRoute({
    method: 'GET',
    path: '/tasks',
    summary: 'The tasks, by service and slot.',
    access: 'node',
    query: taskQuery,
    response: listOf(taskView),
    handle: (api, { query }) => api.tasks(query),
  }),
  jsonRoute({
    method: 'GET',
    path: '/tasks/:id',
    summary: 'One task.',
    params: byId,
    response: taskView,
    handle: (api, { params }) => api.task(params.id),
  }),
  streamRoute({
    method: 'GET',
    path: '/tasks/:id/logs',
    summary: 'The log lines of a task.',
    kind: 'lines',
    params: byId,
    query: logQuery,
    response: logLine,
    handle: (api, { params, query, signal }) => api.logs([api.task(params.id).id], query, signal),
  }),
  jsonRoute({
    method: 'POST',
    path: '/tasks/:id/stop',
    summary: 'Stops a task. Its slot gets a new attempt where the restart policy says so.',
    status: 202,
    params: byId,
    body: z.strictObject({}),
    response: taskView,
    handle: (api, { params, caller }) => api.stopTask(params.id, caller),
  }),
  jsonRoute({
    method: 'POST',
    path: '/tasks/:id/inspect',
    summary: 'Runs the inspect command of the task’s service in the task.',
    params: byId,
    body: z.strictObject({}),
    response: inspection,
    handle: (api, { params }) => api.inspect(params.id),
  }),
  execRoute({
    method: 'GET',
    path: '/tasks/:id/exec',
    summary: 'Runs a program in a task, over a WebSocket.',
    params: byId,
    response: z.null(),
    handle: () => {
      throw new OperationalError('USAGE', 'a program is run over a WebSocket', {
        hint: 'ask with `connection: upgrade` and `upgrade: websocket`',
      })
    },
  }),
]

const dispatchRequest = named(
  'DispatchRequest',
  serviceForm.omit({ service_name: true }).extend({
    id: z.uuid().optional().describe('The id of the task; left out: a new one.'),
    name: z.string().min(1).max(63),
  }),
  'A service as a manifest has it, and the id that the task shall have.',
)

export const dispatchRoutes: readonly Route[] = [
  jsonRoute({
    method: 'POST',
    path: '/dispatches',
    summary: 'Starts a task by hand, outside the manifest.',
    status: 201,
    body: dispatchRequest,
    response: dispatch,
    handle: async (api, { body: { id, ...document }, caller }) => {
      return api.dispatch(await loadDispatch(id ?? newDispatchId(caller.idempotencyKey), document), caller)
    },
  }),
  jsonRoute({
    method: 'GET',
    path: '/dispatches',
    summary: 'The tasks that were started by hand, oldest first.',
    response: listOf(dispatch),
    handle: (api) => api.dispatches(),
  }),
  jsonRoute({
    method: 'GET',
    path: '/dispatches/:id',
    summary: 'One of them with all its attempts, newest first.',
    params: byId,
    response: dispatchDetail,
    handle: (api, { params }) => api.dispatched(params.id),
  }),
  jsonRoute({
    method: 'POST',
    path: '/dispatches/:id/stop',
    summary: 'Stops it for good.',
    status: 202,
    params: byId,
    body: z.strictObject({}),
    response: dispatch,
    handle: (api, { params, caller }) => api.stopDispatch(params.id, caller),
  }),
]
