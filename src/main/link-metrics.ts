import type { Millis } from '../core/model/ids.ts'
import type { WireMetric } from '../transport/wire.ts'

/** What the link of a server measures. `sessions`: agents that are connected to it; `heartbeatMs`: how often each says that it is there. */
export function linkMetrics(sessions: number, heartbeatMs: Millis): readonly WireMetric[] {
  return [
    gauge('gantry_link_sessions', 'Agents that are connected to this server.', sessions),
    gauge('gantry_link_heartbeat_seconds', 'Time between two heartbeats of an agent.', heartbeatMs / 1_000),
  ]
}

function gauge(name: string, help: string, value: number): WireMetric {
  return { name, type: 'gauge', help, samples: [{ name, labels: {}, value }] }
}
