import * as z from 'zod'
import type { Api } from '../../../control/api.ts'
import { OperationalError } from '../../../core/errors.ts'
import type { DispatchView, NodeView } from '../../../core/model/view.ts'
import { gokubeEvent, gokubeStatsForm, gokubeTaskForm } from '../schemas/gokube.ts'
import { listOf } from '../schemas/named.ts'
import { byTaskId, startTask, statsOf, stopTask, viewTask } from './gokube.ts'
import { jsonRoute, type Route } from './route.ts'

/** What one worker of gokube answers on its own port, for the node of that name: its tasks and no others. */
export function gokubeWorkerRoutes(name: string): readonly Route[] {
  const routes = [
    jsonRoute({
      method: 'POST',
      path: '/task',
      summary: 'Starts a task on this worker.',
      status: 201,
      body: gokubeEvent,
      response: gokubeTaskForm,
      handle: (api, { body, caller }) => startTask(api, body.Task, [nodeOf(api, name).placement], caller),
    }),
    jsonRoute({
      method: 'GET',
      path: '/task',
      summary: 'The tasks of this worker.',
      response: listOf(gokubeTaskForm),
      handle: (api) => {
        const node = nodeOf(api, name)
        return api.dispatches().flatMap((dispatch) => (isOn(dispatch, node) ? [viewTask(api, dispatch.id)] : []))
      },
    }),
    jsonRoute({
      method: 'DELETE',
      path: '/task/:taskId',
      summary: 'Stops a task of this worker.',
      status: 204,
      params: byTaskId,
      response: z.null(),
      handle: async (api, { params, caller }) => {
        if (!isOn(api.dispatched(params.taskId).dispatch, nodeOf(api, name)))
          throw new OperationalError('NOT_FOUND', `task ${params.taskId} is not on ${name}`)
        await stopTask(api, params.taskId, caller)
        return null
      },
    }),
    jsonRoute({
      method: 'GET',
      path: '/stats',
      summary: 'What this worker measures of itself.',
      response: gokubeStatsForm,
      handle: (api) => statsOf(api, nodeOf(api, name)),
    }),
  ]
  return routes.map((route) => ({ ...route, errors: 'gokube' }))
}

function nodeOf(api: Api, name: string): NodeView {
  const node = api.nodes().find((one) => one.name === name)
  if (node === undefined) throw new OperationalError('UNAVAILABLE', `${name} has not joined yet`)
  return node
}

/** Also a task that waits for this worker, because it was started here. */
function isOn({ task, spec }: DispatchView, { id, placement }: NodeView): boolean {
  const at = task?.node ?? null
  return at === null ? spec.placements.includes(placement) : at === id
}
