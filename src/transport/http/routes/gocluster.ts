import * as z from 'zod'
import type { Api } from '../../../control/api.ts'
import { goclusterLogLine, goclusterLogs, isAboutNode, lastWordOf } from '../../../core/compat/gocluster-logs.ts'
import { goclusterMetrics } from '../../../core/compat/gocluster-metrics.ts'
import {
  type GoclusterNode,
  type GoclusterView,
  goclusterConfig,
  goclusterLeader,
  goclusterNodes,
  goclusterStatus,
} from '../../../core/compat/gocluster-status.ts'
import { OperationalError } from '../../../core/errors.ts'
import type { Event } from '../../../core/model/event.ts'
import type { NodeView } from '../../../core/model/view.ts'
import { pulses } from '../pulses.ts'
import { settingChange } from '../schemas/cluster.ts'
import {
  type Enveloped,
  goclusterConfigForm,
  goclusterHealthForm,
  goclusterLeaderForm,
  goclusterLinesForm,
  goclusterLogsForm,
  goclusterMetricsForm,
  goclusterNodeForm,
  goclusterNodesForm,
  goclusterPulseForm,
  goclusterStatusForm,
} from '../schemas/gocluster.ts'
import { goclusterBackupRoutes } from './gocluster-backups.ts'
import { flag, wholeText } from './params.ts'
import { jsonRoute, type Route, type RouteRequest, streamRoute } from './route.ts'

const RECENT_LOGS = 100

/**
 * What programs written for GoCluster use: its paths, its forms, its envelope. `serverName`: of this server; null: of
 * the leader, where there is only one server.
 */
export function goclusterRoutes(serverName: string | null): readonly Route[] {
  const look: Look = (api, { at }) => goclusterView(api, at ?? serverName)
  return [...statusRoutes(look), ...figureRoutes(look), ...goclusterBackupRoutes].map((route) => ({
    ...route,
    errors: 'gocluster',
  }))
}

type Look = (api: Api, asked: Pick<RouteRequest<unknown, unknown, unknown>, 'at'>) => GoclusterView

function statusRoutes(look: Look): readonly Route[] {
  return [
    jsonRoute({
      method: 'GET',
      path: '/api/status',
      summary: 'The cluster as this server sees it.',
      response: goclusterStatusForm,
      handle: (api, asked) => envelope(goclusterStatus(look(api, asked))),
    }),
    jsonRoute({
      method: 'GET',
      path: '/api/nodes',
      summary: 'All nodes, by id and as a list.',
      response: goclusterNodesForm,
      handle: (api, asked) => envelope(goclusterNodes(look(api, asked))),
    }),
    jsonRoute({
      method: 'GET',
      path: '/api/node',
      summary: 'One node.',
      query: z.strictObject({ id: z.string().min(1).max(300).describe('Its name or its number.') }),
      response: goclusterNodeForm,
      handle: (api, asked) => envelope(oneNode(look(api, asked), asked.query.id)),
    }),
    jsonRoute({
      method: 'GET',
      path: '/api/leader',
      summary: 'The leader.',
      response: goclusterLeaderForm,
      handle: (api, asked) => envelope(goclusterLeader(look(api, asked))),
    }),
    jsonRoute({
      method: 'GET',
      path: '/api/health',
      summary: 'Whether the server answers.',
      response: goclusterHealthForm,
      handle: (api, asked) => {
        const { iso, now, self } = look(api, asked)
        return envelope({ status: 'healthy' as const, timestamp: iso(now), node_id: self })
      },
    }),
    streamRoute({
      method: 'GET',
      path: '/events',
      summary: 'How the cluster is: at once, when nodes or the leader change, and every five seconds.',
      kind: 'pulses',
      response: goclusterPulseForm,
      handle: (api, asked) => pulses(api, () => look(api, asked), asked.signal),
    }),
  ]
}

function figureRoutes(look: Look): readonly Route[] {
  const metrics = (path: string): Route =>
    jsonRoute({
      method: 'GET',
      path,
      summary: 'Nodes, operators and operations in figures.',
      response: goclusterMetricsForm,
      // There are no operators yet.
      handle: (api, asked) => envelope(goclusterMetrics(look(api, asked), { count: 0, operations: [] })),
    })
  return [
    metrics('/api/cluster/metrics'),
    metrics('/api/metrics'),
    jsonRoute({
      method: 'GET',
      path: '/api/logs/recent',
      summary: `The newest ${RECENT_LOGS} events as lines of a log, the newest first.`,
      response: goclusterLogsForm,
      handle: (api) => {
        const events = api.events({ after: null, service: null, object: null, limit: RECENT_LOGS })
        return envelope(goclusterLogs(events, iso))
      },
    }),
    jsonRoute({
      method: 'GET',
      path: '/api/config',
      summary: 'What is configured, as names and values.',
      response: goclusterConfigForm,
      handle: (api, asked) => envelope(goclusterConfig(look(api, asked), api.config())),
    }),
    jsonRoute({
      method: 'POST',
      path: '/api/config/set',
      summary: 'Changes a setting of the whole cluster.',
      body: settingChange,
      response: goclusterConfigForm,
      handle: async (api, asked) => {
        const { body, caller } = asked
        const settings = await api.setConfig(body.key, body.value, caller)
        return envelope(goclusterConfig(look(api, asked), settings))
      },
    }),
    ...logRoutes(look),
  ]
}

const logsQuery = z
  .strictObject({
    lines: wholeText(10_000).optional().describe('At most so many, the newest of them; 100 if left out.'),
    follow: flag.optional().describe('Goes on with each line as it comes: one JSON text a line, and no envelope.'),
  })
  .transform(({ lines = RECENT_LOGS, follow = false }) => ({ lines, follow }))

function logRoutes(look: Look): readonly Route[] {
  return [
    streamRoute({
      method: 'GET',
      path: '/api/logs/:node',
      summary: 'What happened on a node, as lines of a log, the oldest first.',
      kind: 'lines',
      params: z.strictObject({
        node: z.string().min(1).max(300).describe('Its name or its number; `leader` is one too.'),
      }),
      query: logsQuery,
      response: goclusterLinesForm,
      handle: (api, asked): AsyncIterable<string> | Enveloped<readonly string[]> => {
        const { params, query, signal } = asked
        const name = params.node === 'leader' ? api.cluster().leadership.holder : params.node
        const node = nodeCalled(look(api, asked), name)
        return query.follow ? followLines(api, node, query.lines, signal) : envelope(linesOf(api, node, query.lines))
      },
    }),
  ]
}

const ALL_EVENTS = { after: null, service: null, object: null, limit: null }

function linesOf(api: Api, node: NodeView, most: number): readonly string[] {
  const lines = eventsOn(api, node, api.events(ALL_EVENTS))
  return lines.slice(Math.max(0, lines.length - most))
}

async function* followLines(api: Api, node: NodeView, most: number, signal: AbortSignal): AsyncGenerator<string> {
  const after = api.events({ ...ALL_EVENTS, limit: 1 })[0]?.id ?? null
  yield* linesOf(api, node, most)
  for await (const event of api.watchEvents({ ...ALL_EVENTS, after }, signal)) yield* eventsOn(api, node, [event])
}

function eventsOn(api: Api, node: NodeView, events: readonly Event[]): readonly string[] {
  const tasks = api.tasks({ service: null, all: true }).filter((task) => task.node === node.id)
  const here = new Set(tasks.map(({ id }) => id))
  const about = events.filter((event) => isAboutNode(event, node, here))
  return goclusterLogs(about, iso).map(goclusterLogLine).reverse()
}

function envelope<T>(data: T): Enveloped<T> {
  return { success: true, data }
}

function goclusterView(api: Api, serverName: string | null): GoclusterView {
  const view = api.cluster()
  const now = Date.now()
  const lastSeenAt: GoclusterView['lastSeenAt'] = (node) =>
    node.status === 'unreachable' ? lastWordOf(node, api.events({ ...ALL_EVENTS, object: `node/${node.id}` })) : now
  return { view, self: serverName ?? view.leadership.holder, now, lastSeenAt, iso }
}

function oneNode(given: GoclusterView, word: string): GoclusterNode {
  const { name } = nodeCalled(given, word)
  const node = goclusterNodes(given).nodes[name]
  if (node === undefined) throw new OperationalError('NOT_FOUND', `there is no node ${word}`)
  return node
}

function nodeCalled({ view }: GoclusterView, word: string): NodeView {
  const node = view.nodes.find(({ id }) => String(id) === word) ?? view.nodes.find(({ name }) => name === word)
  if (node === undefined) throw new OperationalError('NOT_FOUND', `there is no node ${word}`)
  return node
}

function iso(at: number): string {
  return new Date(at).toISOString()
}
