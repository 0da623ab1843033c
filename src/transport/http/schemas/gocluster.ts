import * as z from 'zod'
import type { GoclusterBackup } from '../../../core/compat/gocluster-backups.ts'
import type { GoclusterLog } from '../../../core/compat/gocluster-logs.ts'
import type { GoclusterMetrics } from '../../../core/compat/gocluster-metrics.ts'
import type { GoclusterNode, GoclusterPulse } from '../../../core/compat/gocluster-status.ts'
import { count, named, text, textMap } from './named.ts'

/** What every good answer to a client of GoCluster is wrapped in. */
export interface Enveloped<T> {
  readonly success: true
  readonly data: T
}

export function enveloped<T>(data: z.ZodType<T>): z.ZodType<Enveloped<T>> {
  return z.strictObject({ success: z.literal(true), data }) as z.ZodType<Enveloped<T>>
}

const node: z.ZodType<GoclusterNode> = named(
  'GoclusterNode',
  z.strictObject({
    id: text,
    hostname: text,
    address: text,
    port: count,
    status: z.enum(['running', 'unreachable']),
    state: z.enum(['leader', 'follower', 'offline']),
    last_seen: text,
    is_leader: z.boolean(),
    metadata: textMap,
  }),
  'A node in the form of GoCluster.',
)

const nodeMap = z.record(z.string(), node)
export const goclusterNodeForm = enveloped(node)

export const goclusterStatusForm = enveloped(
  z.strictObject({
    cluster_state: z.strictObject({ nodes: nodeMap, leader: text, last_updated: text, version: count }),
    node_id: text,
    is_leader: z.boolean(),
    timestamp: text,
    cluster_name: text,
    local_node: node.nullable(),
    leader: node.nullable(),
    nodes: z.array(node).readonly(),
  }),
)

export const goclusterNodesForm = enveloped(z.strictObject({ nodes: nodeMap, items: z.array(node).readonly(), count }))

export const goclusterLeaderForm = enveloped(
  z.strictObject({
    leader_id: text.describe('Empty when nobody leads.'),
    leader_node: node.nullable(),
    is_leader: z.boolean(),
    id: text.exactOptional(),
    hostname: text.exactOptional(),
    address: text.exactOptional(),
    port: count.exactOptional(),
    last_seen: text.exactOptional(),
  }),
)

export const goclusterHealthForm = enveloped(
  z.strictObject({ status: z.literal('healthy'), timestamp: text, node_id: text }),
)

const metrics: z.ZodType<GoclusterMetrics> = named(
  'GoclusterMetrics',
  z.strictObject({
    cluster: z.strictObject({ total_nodes: count, running_nodes: count, leader_node: text, uptime: text }),
    operators: z.strictObject({ total_count: count, active: count }),
    performance: z.strictObject({ avg_response_time: text, success_rate: z.number(), last_hour_ops: count }),
  }),
  'Figures of the cluster in the form of GoCluster.',
)
export const goclusterMetricsForm = enveloped(metrics)

const backup: z.ZodType<GoclusterBackup> = named(
  'GoclusterBackup',
  z.strictObject({ name: text, size: count, created_at: text }),
  'A backup in the form of GoCluster.',
)
export const goclusterBackupForm = enveloped(backup)
export const goclusterBackupsForm = enveloped(z.array(backup).readonly())

const logLine: z.ZodType<GoclusterLog> = z.strictObject({
  level: z.enum(['INFO', 'WARN', 'ERROR']),
  message: text,
  timestamp: text,
  source: text,
})
export const goclusterLogsForm = enveloped(z.array(logLine).readonly())
/** A line of a log as text, or all that are wanted at once. */
export const goclusterLinesForm = z.union([text, enveloped(z.array(text).readonly())])
export const goclusterConfigForm = enveloped(textMap)

export const goclusterPulseForm: z.ZodType<GoclusterPulse> = named(
  'GoclusterPulse',
  z.strictObject({ timestamp: text, nodes: count, running: count, leader: text }),
  'How the cluster is, in the form of GoCluster.',
)

export const goclusterError = named(
  'GoclusterError',
  z.strictObject({ success: z.literal(false), error: text }),
  'Every failure of the routes that are there for clients of GoCluster.',
)
