import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Api } from '../../control/api.ts'
import { NODE_STATUSES } from '../../core/model/node.ts'
import { SERVICE_HEALTHS } from '../../core/model/service.ts'
import { TASK_STATES } from '../../core/model/task.ts'
import { leaderOf } from '../../core/node/leader-condition.ts'
import type { WireMetric } from '../wire.ts'
import type { Gate } from './auth.ts'

const CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const

/** Counts answers by class of status. All classes are there from the start, so a first error is seen as a rise from 0. */
export class RequestCounter {
  readonly #counts = new Map<string, number>(CLASSES.map((name) => [name, 0]))

  count(status: number): void {
    const name = `${Math.trunc(status / 100)}xx`
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
  }

  get counts(): ReadonlyMap<string, number> {
    return this.#counts
  }
}

/** What is measured elsewhere in the process, asked for each time. */
export type MoreMetrics = () => readonly WireMetric[]

/** Seldom enough to cost nothing. */
const RESOLUTION_MS = 100

/** Measures how late the event loop is, from now on. */
export function eventLoopDelay(): MoreMetrics {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()
  return () => {
    // What is measured is the time between two looks, which is never less than what was asked for.
    const seconds = (nanoseconds: number): number =>
      Number.isFinite(nanoseconds) ? Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1e3) : 0
    const quantiles = [50, 99, 100].map((percent): [string, number] => [
      String(percent / 100),
      seconds(histogram.percentile(percent)),
    ])
    histogram.reset()
    const help = 'How late the event loop was since the last look, by quantile.'
    return [labelled('gantry_event_loop_delay_seconds', 'gauge', help, 'quantile', quantiles)]
  }
}

/** Everything that the server measures of itself and its cluster. `self`: its name; null: it is the only one. */
export function metricFamilies(
  api: Api,
  requests: RequestCounter,
  gate: Gate,
  {
    version,
    self,
    more,
  }: { readonly version: string; readonly self: string | null; readonly more: readonly MoreMetrics[] },
): readonly WireMetric[] {
  const tasks = countBy(api.tasks({ service: null, all: true }), TASK_STATES, ({ state }) => state)
  const services = countBy(api.services(), SERVICE_HEALTHS, ({ health }) => health)
  const cluster = api.cluster()
  const nodes = countBy(cluster.nodes, NODE_STATUSES, ({ status }) => status)
  const leader = leaderOf(cluster)?.holder ?? null
  const leads = leader !== null && (self === null || self === leader) ? 1 : 0
  const memory = process.memoryUsage()
  const cpu = process.cpuUsage()
  return [
    labelled('gantry_info', 'gauge', 'Always 1; says which version runs.', 'version', [[version, 1]]),
    labelled('gantry_tasks', 'gauge', 'Tasks by state.', 'state', tasks),
    labelled('gantry_services', 'gauge', 'Services by health.', 'health', services),
    labelled('gantry_nodes', 'gauge', 'Nodes by status.', 'status', nodes),
    metric('gantry_leader', 'gauge', '1 while this server leads.', leads),
    metric('gantry_leader_epoch', 'gauge', 'Epoch of the leader.', cluster.leadership.epoch),
    metric('gantry_store_revision', 'gauge', 'Number of the last commit.', cluster.storeRevision),
    metric('gantry_manifest_revision', 'gauge', 'Number of the desired manifest.', cluster.desiredRevision),
    labelled('gantry_http_requests_total', 'counter', 'Answered requests by status.', 'status', requests.counts),
    labelled(
      'gantry_http_refused_total',
      'counter',
      'Requests that the gate refused.',
      'code',
      Object.entries(gate.refused),
    ),
    metric('process_resident_memory_bytes', 'gauge', 'Resident memory.', memory.rss),
    metric('process_heap_bytes', 'gauge', 'Used heap.', memory.heapUsed),
    metric('process_cpu_seconds_total', 'counter', 'CPU time used.', (cpu.user + cpu.system) / 1e6),
    ...more.flatMap((measure) => measure()),
  ]
}

/** The same as Prometheus reads it. */
export function metricsText(families: readonly WireMetric[]): string {
  return families
    .map(({ name, type, help, samples }) => {
      const lines = samples.map((sample) => `${sample.name}${labelsText(sample.labels)} ${sample.value}\n`)
      return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
    })
    .join('')
}

function countBy<T, K extends string>(items: readonly T[], keys: readonly K[], keyOf: (item: T) => K): Map<K, number> {
  const counts = new Map<K, number>(keys.map((key) => [key, 0]))
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1)
  return counts
}

/** One that is a single number. */
export function metric(name: string, type: WireMetric['type'], help: string, value: number): WireMetric {
  return { name, type, help, samples: [{ name, labels: {}, value }] }
}

function labelled(
  name: string,
  type: WireMetric['type'],
  help: string,
  label: string,
  values: Iterable<readonly [string, number]>,
): WireMetric {
  return { name, type, help, samples: [...values].map(([text, value]) => ({ name, labels: { [label]: text }, value })) }
}

function labelsText(labels: WireMetric['samples'][number]['labels']): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${value.replaceAll(/["\\\n]/g, '_')}"`)
  return parts.length === 0 ? '' : `{${parts.join(',')}}`
}
