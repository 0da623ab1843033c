import * as z from 'zod'
import type { Api, Caller } from '../../../control/api.ts'
import { type GokubeTask, gokubeService, gokubeTask, withGokubeResources } from '../../../core/compat/gokube.ts'
import { type GokubeStats, gokubeStats } from '../../../core/compat/gokube-stats.ts'
import { OperationalError } from '../../../core/errors.ts'
import { isTerminal } from '../../../core/model/task.ts'
import type { NodeView } from '../../../core/model/view.ts'
import { loadDispatch } from '../load-dispatch.ts'
import { gokubeEvent, gokubeStatsForm, gokubeTaskForm } from '../schemas/gokube.ts'
import { listOf } from '../schemas/named.ts'
import { jsonRoute, type Route } from './route.ts'

/** A task in the path. */
export const byTaskId = z.strictObject({ taskId: z.uuid().transform((id) => id.toLowerCase()) })
const COMPLETED = 3

const routes: readonly Route[] = [
  jsonRoute({
    method: 'POST',
    path: '/task',
    summary: 'Starts a task, or stops it with an event of state 3.',
    status: 201,
    body: gokubeEvent,
    response: gokubeTaskForm,
    handle: (api, { body, caller }) => {
      return body.State === COMPLETED ? stopTask(api, body.Task.ID, caller) : startTask(api, body.Task, [], caller)
    },
  }),
  jsonRoute({
    method: 'GET',
    path: '/task',
    summary: 'Every task that was started by hand, in any state.',
    response: listOf(gokubeTaskForm),
    handle: (api) => api.dispatches().map(({ id }) => viewTask(api, id)),
  }),
  jsonRoute({
    method: 'GET',
    path: '/task/:taskId',
    summary: 'One task.',
    params: byTaskId,
    response: gokubeTaskForm,
    handle: (api, { params }) => viewTask(api, params.taskId),
  }),
  jsonRoute({
    method: 'DELETE',
    path: '/task/:taskId',
    summary: 'Stops a task and removes its container.',
    status: 204,
    params: byTaskId,
    response: z.null(),
    handle: async (api, { params, caller }) => {
      await stopTask(api, params.taskId, caller)
      return null
    },
  }),
  jsonRoute({
    method: 'GET',
    path: '/stats',
    summary: 'What the first node that is ready measures of itself.',
    response: gokubeStatsForm,
    handle: stats,
  }),
]

/** What programs written for gokube use: its paths, its forms, its status codes. */
export const gokubeRoutes: readonly Route[] = routes.map((route) => ({ ...route, errors: 'gokube' }))

type Wanted = z.output<typeof gokubeEvent>['Task']

/** Starts a task of gokube, on nodes of these placements; empty: on any. */
export async function startTask(
  api: Api,
  task: Wanted,
  placements: readonly string[],
  caller: Caller,
): Promise<GokubeTask> {
  const { id, spec } = await loadDispatch(task.ID, gokubeService(task))
  const name = spec.name
  await api.dispatch({ id, name, spec: { ...withGokubeResources(spec, task), placements } }, caller)
  return viewTask(api, id)
}

/** Stops a task of gokube. Throws CONFLICT for one that has ended. */
export async function stopTask(api: Api, id: string, caller: Caller): Promise<GokubeTask> {
  const { dispatch, tasks } = api.dispatched(id)
  const [newest] = tasks
  if (dispatch.desired === 'stopped' || newest?.state === 'completed') {
    throw new OperationalError('CONFLICT', `task ${id} has ended already`)
  }
  await api.stopDispatch(id, caller)
  return viewTask(api, id)
}

/** A task in gokube's form. */
export function viewTask(api: Api, id: string): GokubeTask {
  const { dispatch, tasks } = api.dispatched(id)
  return gokubeTask(dispatch, tasks, (at) => new Date(at).toISOString())
}

async function stats(api: Api): Promise<GokubeStats> {
  const nodes = api.nodes()
  const node = nodes.find(({ status }) => status === 'ready') ?? nodes[0]
  if (node === undefined) throw new OperationalError('UNAVAILABLE', 'there is no node yet')
  return statsOf(api, node)
}

/** What a node measures of itself. */
export async function statsOf(api: Api, node: Pick<NodeView, 'id'>): Promise<GokubeStats> {
  const running = api
    .tasks({ service: null, all: false })
    .filter((task) => task.node === node.id && !isTerminal(task.state))
  return gokubeStats(await api.hostStats(node.id), running.length)
}
