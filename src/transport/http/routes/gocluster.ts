import * as z from 'zod'
import type { Api } from '../../../control/api.ts'
import { goclusterLogs } from '../../../core/compat/gocluster-logs.ts'
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
import { pulses } from '../pulses.ts'
import {
  type Enveloped,
  goclusterConfigForm,
  goclusterHealthForm,
  goclusterLeaderForm,
  goclusterLogsForm,
  goclusterMetricsForm,
  goclusterNodeForm,
  goclusterNodesForm,
  goclusterPulseForm,
  goclusterStatusForm,
} from '../schemas/gocluster.ts'
import { goclusterBackupRoutes } from './gocluster-backups.ts'
import { jsonRoute, type Route, streamRoute } from './route.ts'

const RECENT_LOGS = 100

/**
 * What programs written for GoCluster use: its paths, its forms, its envelope. `serverName`: of this server; null: of
 * the leader, where there is only one server.
 */
export function goclusterRoutes(serverName: string | null): readonly Route[] {
  const look = (api: Api): GoclusterView => goclusterView(api, serverName)
  return [...statusRoutes(look), ...figureRoutes(look), ...goclusterBackupRoutes].map((route) => ({
    ...route,
    errors: 'gocluster',
  }))
}

type Look = (api: Api) => GoclusterView

function statusRoutes(look: Look): readonly Route[] {
  return [
    jsonRoute({
      method: 'GET',
      path: '/api/status',
      summary: 'The cluster as this server sees it.',
      response: goclusterStatusForm,
      handle: (api) => envelope(goclusterStatus(look(api))),
    }),
    jsonRoute({
      method: 'GET',
      path: '/api/nodes',
      summary: 'All nodes, by id and as a list.',
      response: goclusterNodesForm,
      handle: (api) => envelope(goclusterNodes(look(api))),
    }),
    jsonRoute({
      method: 'GET',
      path: '/api/node',
      summary: 'One node.',
      query: z.strictObject({ id: z.string().min(1).max(300).describe('Its name or its number.') }),
      response: goclusterNodeForm,
      handle: (api, { query }) => envelope(oneNode(look(api), query.id)),
    }),
    jsonRoute({
      method: 'GET',
      path: '/api/leader',
      summary: 'The leader.',
      response: goclusterLeaderForm,
      handle: (api) => envelope(goclusterLeader(look(api))),
    }),
    jsonRoute({
      method: 'GET',
      path: '/api/health',
      summary: 'Whether the server answers.',
      response: goclusterHealthForm,
      handle: (api) => {
        const { iso, now, self } = look(api)
        return envelope({ status: 'healthy' as const, timestamp: iso(now), node_id: self })
      },
    }),
    streamRoute({
      method: 'GET',
      path: '/events',
      summary: 'How the cluster is: at once, when nodes or the leader change, and every five seconds.',
      kind: 'pulses',
      response: goclusterPulseForm,
      handle: (api, { signal }) => pulses(api, () => look(api), signal),
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
      handle: (api) => envelope(goclusterMetrics(look(api), { count: 0, operations: [] })),
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
      handle: (api) => envelope(goclusterConfig(look(api))),
    }),
  ]
}

function envelope<T>(data: T): Enveloped<T> {
  return { success: true, data }
}

function goclusterView(api: Api, serverName: string | null): GoclusterView {
  const view = api.cluster()
  const now = Date.now()
  const lastSeenAt: GoclusterView['lastSeenAt'] = ({ id, status, joinedAt }) => {
    if (status !== 'unreachable') return now
    const [newest] = api.events({ after: null, service: null, object: `node/${id}`, limit: 1 })
    return newest?.at ?? joinedAt
  }
  return { view, self: serverName ?? view.leadership.holder, now, lastSeenAt, iso }
}

function oneNode(given: GoclusterView, word: string): GoclusterNode {
  const { nodes } = goclusterNodes(given)
  const name = given.view.nodes.find(({ id }) => String(id) === word)?.name ?? word
  const node = Object.hasOwn(nodes, name) ? nodes[name] : undefined
  if (node === undefined) throw new OperationalError('NOT_FOUND', `there is no node ${word}`)
  return node
}

function iso(at: number): string {
  return new Date(at).toISOString()
}
