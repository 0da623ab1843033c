import type { Millis } from '../core/model/ids.ts'
import { metric } from '../transport/http/metrics.ts'
import type { WireMetric } from '../transport/wire.ts'

/** What the link of a server measures. `sessions`: agents that are connected to it; `heartbeatMs`: how often each says that it is there. */
export function linkMetrics(sessions: number, heartbeatMs: Millis): readonly WireMetric[] {
  return [
    metric('gantry_link_sessions', 'gauge', 'Agents that are connected to this server.', sessions),
    metric('gantry_link_heartbeat_seconds', 'gauge', 'Time between two heartbeats of an agent.', heartbeatMs / 1_000),
  ]
}
