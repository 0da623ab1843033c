import * as z from 'zod'
import { OperationalError } from '../../../core/errors.ts'
import { EVENT_ID } from '../../../core/model/event.ts'
import { findNode } from '../find-node.ts'
import {
  clusterView,
  event,
  explanation,
  health,
  hostStats,
  node,
  server,
  setting,
  settingChange,
} from '../schemas/cluster.ts'
import { listOf } from '../schemas/named.ts'
import { taskSample } from '../schemas/task.ts'
import { byId, flag, wholeText } from './params.ts'
import { execRoute, jsonRoute, type Route, streamRoute } from './route.ts'

const eventId = z.string().regex(EVENT_ID, 'must be the id of an event')

const eventQuery = z
  .strictObject({
    after: eventId.optional().describe('Only events after this id; Last-Event-ID says the same.'),
    service: z.string().max(300).optional().describe('Only events of this service.'),
    object: z.string().max(400).optional().describe('Only events about this object, such as `task/web.1.1`.'),
    limit: wholeText(100_000).optional().describe('At most so many, the newest of them.'),
    follow: flag.optional().describe('Answer with server-sent events that go on, as `Accept: text/event-stream` does.'),
  })
  .transform(({ after = null, service = null, object = null, limit = null, follow = false }) => {
    return { after, service, object, limit, follow }
  })

export function clusterRoutes(version: string): readonly Route[] {
  return [
    jsonRoute({
      method: 'GET',
      path: '/health',
      summary: 'Whether the server answers.',
      access: 'public',
      response: health,
      handle: () => ({ status: 'ok' as const, version }),
    }),
    jsonRoute({
      method: 'GET',
      path: '/cluster',
      summary: 'The cluster, its leader and its nodes.',
      access: 'node',
      response: clusterView,
      handle: (api) => api.cluster(),
    }),
    jsonRoute({
      method: 'GET',
      path: '/config',
      summary: 'Settings of the whole cluster.',
      response: listOf(setting),
      handle: (api) => api.config(),
    }),
    jsonRoute({
      method: 'POST',
      path: '/config',
      summary: 'Changes a setting of the whole cluster.',
      body: settingChange,
      response: listOf(setting),
      handle: (api, { body, caller }) => api.setConfig(body.key, body.value, caller),
    }),
    ...nodeRoutes,
    ...serverRoutes,
    streamRoute({
      method: 'GET',
      path: '/events',
      summary: 'What happened, oldest first: a list, or a stream that goes on and can be resumed.',
      kind: 'events',
      query: eventQuery,
      response: event,
      handle: (api, { query: { follow, ...query }, lastEventId, signal }) => {
        const after = lastEventId ?? query.after
        if (after !== null && !EVENT_ID.test(after))
          throw new OperationalError('USAGE', 'the header Last-Event-ID must be the id of an event')
        const wanted = { ...query, after }
        return follow ? api.watchEvents(wanted, signal) : api.events(wanted)
      },
    }),
    jsonRoute({
      method: 'GET',
      path: '/explain/*',
      summary: 'Why an object is as it is: `web`, `web.1.2`, `node/1`, `manifest/3`.',
      params: z.strictObject({ '*': z.string().min(1).max(400) }),
      response: explanation,
      handle: (api, { params }) => api.explain(params['*']),
    }),
  ]
}

const serverRoutes: readonly Route[] = [
  jsonRoute({
    method: 'GET',
    path: '/servers',
    summary: 'The servers that keep the store themselves, as they are now; none with any other store.',
    response: listOf(server),
    handle: (api) => api.servers(),
  }),
  jsonRoute({
    method: 'POST',
    path: '/servers/:id/remove',
    summary: 'Takes a server out of the store, by name, address or member id, if the rest stays a majority.',
    params: byId,
    body: z.strictObject({}),
    response: server,
    handle: (api, { params, caller }) => api.removeServer(params.id, caller),
  }),
]

const nodeRoutes: readonly Route[] = [
  jsonRoute({
    method: 'GET',
    path: '/nodes',
    summary: 'All nodes.',
    access: 'node',
    response: listOf(node),
    handle: (api) => api.nodes(),
  }),
  jsonRoute({
    method: 'GET',
    path: '/nodes/:id',
    summary: 'One node, by id or name.',
    access: 'node',
    params: byId,
    response: node,
    handle: (api, { params }) => findNode(api, params.id),
  }),
  jsonRoute({
    method: 'GET',
    path: '/nodes/:id/stats',
    summary: 'Memory, disk, CPU time and load of a node, now.',
    access: 'node',
    params: byId,
    response: hostStats,
    handle: (api, { params }) => api.hostStats(findNode(api, params.id).id),
  }),
  execRoute({
    method: 'GET',
    path: '/nodes/:id/docker',
    summary: 'Runs a command of Docker on a node: a WebSocket. It is recorded as an event.',
    params: byId,
    response: z.null(),
    handle: () => {
      throw new OperationalError('USAGE', 'a command of Docker is run over a WebSocket', {
        hint: 'ask with `connection: upgrade` and `upgrade: websocket`',
      })
    },
  }),
  jsonRoute({
    method: 'GET',
    path: '/samples',
    summary: 'CPU and memory of the running tasks whose nodes answer.',
    response: listOf(taskSample),
    handle: (api) => api.samples(),
  }),
]
