import type { Api } from '../../control/api.ts'
import { SERVICE_HEALTHS } from '../../core/model/service.ts'
import { TASK_STATES } from '../../core/model/task.ts'
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

type Samples = Iterable<readonly [label: string, value: number]>

/** Everything that the server measures of itself and its cluster, as Prometheus text. */
export function metricsText(api: Api, requests: RequestCounter, gate: Gate, version: string): string {
  const tasks = countBy(api.tasks({ service: null, all: true }), TASK_STATES, ({ state }) => state)
  const services = countBy(api.services(), SERVICE_HEALTHS, ({ health }) => health)
  const cluster = api.cluster()
  const memory = process.memoryUsage()
  const cpu = process.cpuUsage()
  return [
    family('gantry_info', 'gauge', 'Always 1; says which version runs.', [[label('version', version), 1]]),
    family('gantry_tasks', 'gauge', 'Tasks by state.', labelled('state', tasks)),
    family('gantry_services', 'gauge', 'Services by health.', labelled('health', services)),
    family('gantry_nodes', 'gauge', 'Nodes.', [['', cluster.nodes.length]]),
    family('gantry_store_revision', 'gauge', 'Number of the last commit.', [['', cluster.storeRevision]]),
    family('gantry_manifest_revision', 'gauge', 'Number of the desired manifest.', [['', cluster.desiredRevision]]),
    family('gantry_leader_epoch', 'gauge', 'Epoch of the leader.', [['', cluster.leadership.epoch]]),
    family(
      'gantry_http_requests_total',
      'counter',
      'Answered requests by status.',
      labelled('status', requests.counts),
    ),
    family(
      'gantry_http_refused_total',
      'counter',
      'Requests that the gate refused.',
      labelled('code', Object.entries(gate.refused)),
    ),
    family('process_resident_memory_bytes', 'gauge', 'Resident memory.', [['', memory.rss]]),
    family('process_heap_bytes', 'gauge', 'Used heap.', [['', memory.heapUsed]]),
    family('process_cpu_seconds_total', 'counter', 'CPU time used.', [['', (cpu.user + cpu.system) / 1e6]]),
  ].join('')
}

function countBy<T, K extends string>(items: readonly T[], keys: readonly K[], keyOf: (item: T) => K): Map<K, number> {
  const counts = new Map<K, number>(keys.map((key) => [key, 0]))
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1)
  return counts
}

function labelled(name: string, values: Iterable<readonly [string, number]>): Samples {
  return [...values].map(([value, count]) => [label(name, value), count] as const)
}

function label(name: string, value: string): string {
  return `{${name}="${value.replaceAll(/["\\\n]/g, '_')}"}`
}

function family(name: string, type: 'gauge' | 'counter', help: string, samples: Samples): string {
  const lines = [...samples].map(([labels, value]) => `${name}${labels} ${value}\n`)
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}
