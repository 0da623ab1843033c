import type { Millis } from '../model/ids.ts'
import { type GoclusterView, goclusterPulse } from './gocluster-status.ts'

export interface GoclusterMetrics {
  readonly cluster: {
    readonly total_nodes: number
    readonly running_nodes: number
    readonly leader_node: string
    /** How long the leader has led, such as `1h2m3s`. */
    readonly uptime: string
  }
  readonly operators: { readonly total_count: number; readonly active: number }
  readonly performance: {
    /** Mean of the operations that have ended, such as `120ms`. */
    readonly avg_response_time: string
    /** Percent of the operations that have ended; 100 while there is none. */
    readonly success_rate: number
    /** Operations that began in the last hour. */
    readonly last_hour_ops: number
  }
}

/** One operation of an operator, as far as it is measured. */
export interface MeasuredOperation {
  readonly startedAt: Millis
  /** null: it goes on. */
  readonly finishedAt: Millis | null
  readonly ok: boolean
}

export interface MeasuredOperators {
  readonly count: number
  /** Newest or oldest first makes no difference. */
  readonly operations: readonly MeasuredOperation[]
}

const HOUR_MS = 3_600_000

export function goclusterMetrics(given: GoclusterView, { count, operations }: MeasuredOperators): GoclusterMetrics {
  const { nodes, running, leader } = goclusterPulse(given)
  const { view, now } = given
  const ended = operations.flatMap(({ startedAt, finishedAt, ok }) => {
    return finishedAt === null ? [] : [{ ms: finishedAt - startedAt, ok }]
  })
  const mean = ended.reduce((sum, { ms }) => sum + ms, 0) / Math.max(1, ended.length)
  const good = ended.filter(({ ok }) => ok).length
  const uptime = goDuration(now - view.leadership.since)
  return {
    cluster: { total_nodes: nodes, running_nodes: running, leader_node: leader, uptime },
    operators: { total_count: count, active: operations.length - ended.length },
    performance: {
      avg_response_time: `${Math.round(mean)}ms`,
      success_rate: ended.length === 0 ? 100 : Math.round((1_000 * good) / ended.length) / 10,
      last_hour_ops: operations.filter(({ startedAt }) => now - startedAt < HOUR_MS).length,
    },
  }
}

/** A duration in whole seconds, as programs in Go print it. */
function goDuration(ms: Millis): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  const [h, m, s] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60]
  if (h > 0) return `${h}h${m}m${s}s`
  return m > 0 ? `${m}m${s}s` : `${s}s`
}
