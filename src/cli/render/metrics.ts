import { OperationalError } from '../../core/errors.ts'
import type { HostStats } from '../../core/model/host-stats.ts'
import type { NodeView } from '../../core/model/view.ts'
import type { WireMetric } from '../../transport/wire.ts'
import type { Format } from './format.ts'
import { table } from './table.ts'

const GIB = 1024 ** 3

/** The whole cluster in figures. */
export interface ClusterMetrics {
  readonly nodes: readonly {
    readonly id: number
    readonly name: string
    readonly status: string
    readonly tasks: number
    /** null: it is not known, and `why` says why not. */
    readonly stats: HostStats | null
    readonly why: string
  }[]
  /** What the server that leads measures. */
  readonly metrics: readonly WireMetric[]
}

export function metricsOf(
  metrics: readonly WireMetric[],
  nodes: readonly NodeView[],
  stats: readonly (HostStats | OperationalError)[],
): ClusterMetrics {
  const rows = nodes.map(({ id, name, status, tasks }, i) => {
    const known = stats[i]
    const load =
      known instanceof OperationalError ? { stats: null, why: known.message } : { stats: known ?? null, why: '' }
    return { id, name, status, tasks, ...load }
  })
  return { nodes: rows, metrics }
}

/** Nodes with their load, then every figure. */
export function metricsTable({ nodes, metrics }: ClusterMetrics, { width }: Format): string {
  const rows = nodes.map(({ id, name, status, tasks, stats, why }) => [
    String(id),
    name,
    status,
    String(tasks),
    stats === null ? '-' : stats.load1.toFixed(2),
    stats === null ? '-' : share(stats.memoryTotalBytes - stats.memoryAvailableBytes, stats.memoryTotalBytes),
    stats === null ? '-' : share(stats.diskTotalBytes - stats.diskFreeBytes, stats.diskTotalBytes),
    why,
  ])
  const figures = metrics.flatMap(({ samples, type }) =>
    samples
      .filter(({ name }) => type !== 'histogram' || !name.endsWith('_bucket'))
      .map(({ name, labels, value }) => [[name, ...Object.values(labels)].join(' '), figure(value)]),
  )
  const listing = table(['ID', 'NAME', 'STATUS', 'TASKS', 'LOAD', 'MEMORY', 'DISK', ''], rows, width)
  return `${listing}\n\n${table(['METRIC', 'VALUE'], figures, width)}`
}

/** No more digits than say something. */
function figure(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)))
}

function share(used: number, whole: number): string {
  return `${Math.round((100 * used) / Math.max(1, whole))} % of ${(whole / GIB).toFixed(1)} GiB`
}
