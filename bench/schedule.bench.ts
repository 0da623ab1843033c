import type { Node } from '../src/core/model/node.ts'
import type { Port, ServiceSpec } from '../src/core/model/service.ts'
import type { Task } from '../src/core/model/task.ts'
import { planPlacements } from '../src/core/schedule/place.ts'
import { STRATEGIES } from '../src/core/schedule/strategy.ts'
import { aNode, aService, aTask } from '../test/builders.ts'
import type { BenchResult, Measured } from './frame.ts'
import { contend } from './frame.ts'

const NODES = 5_000
const TASKS = 50_000
const PEER_TASKS = 300
const MB = 2 ** 20

/** Three of four nodes are in the placement that is asked for; no two have the same capacity. */
const nodes: readonly Node[] = Array.from({ length: NODES }, (_, i) =>
  aNode({
    id: i + 1,
    placement: i % 4 === 0 ? 'edge' : 'main',
    capacity: { cpuMillis: 64_000 + i, memoryBytes: 2 ** 38 + i * 4_096, diskBytes: 2 ** 40 },
  }),
)

/**
 * Placements a second of one core on 5,000 nodes with a placement to keep to, reservations and spreading, against a scheduler that
 * looks at every node for every task; and the same for other kinds of services and every strategy.
 */
export async function run(): Promise<BenchResult> {
  const spreading = services(500)
  const others: Readonly<Record<string, readonly Task[]>> = {
    'services of 1': services(1, TASKS / 5),
    'services of 3, a fixed port': services(3, TASKS / 5, () => ({ ports: [port(8_080)] })),
    'services of 500, a free port': services(500, TASKS, () => ({ ports: [port(null)] })),
    'services of 500, a fixed port': services(500, TASKS, (service) => ({ ports: [port(8_000 + service)] })),
    global: services(NODES, TASKS, () => ({}), { mode: 'global', placements: [] }),
    'no room anywhere': services(500, TASKS, () => ({}), {
      resources: { cpuMillis: 0, memoryBytes: 2 ** 45, diskBytes: 0 },
    }),
  }
  return contend({
    name: 'schedule',
    unit: 'placements per second of CPU',
    ours: async () => {
      const also: Record<string, number> = {}
      for (const [name, tasks] of Object.entries(others)) also[name] = rate(tasks, 'spread')
      for (const strategy of STRATEGIES) also[strategy] = rate(spreading, strategy)
      return { value: also['spread'] ?? 0, also: { ...also, slowest: Math.min(...Object.values(also)) } }
    },
    peer: async () => ({ value: scanAll(spreading.slice(0, PEER_TASKS)) }) satisfies Measured,
    judge: (_, also) => ({
      met: (also['spread']?.median ?? 0) >= 100_000 && (also['slowest']?.median ?? 0) >= 20_000,
      goal: '100,000 placements a second with constraints and spreading, no variant below 20,000',
    }),
  })
}

function port(host: number | null): Port {
  return { container: 80, host, protocol: 'tcp' }
}

function services(
  replicas: number,
  count: number = TASKS,
  container: (service: number) => Partial<ServiceSpec['container']> = () => ({}),
  change: Partial<Omit<ServiceSpec, 'container'>> = {},
): Task[] {
  return Array.from({ length: count }, (_, i) => {
    const service = Math.floor(i / replicas)
    // A spec of its own for each task, as they come out of a store.
    const spec = aService({
      name: `s${service}`,
      placements: ['main'],
      resources: { cpuMillis: 100, memoryBytes: 256 * MB, diskBytes: 0 },
      container: container(service),
      ...change,
    })
    return aTask({ spec, slot: (i % replicas) + 1, node: null, status: { state: 'pending', ready: false } })
  })
}

/** Decisions a second: placements, or refusals where nothing fits. */
function rate(pending: readonly Task[], strategy: (typeof STRATEGIES)[number]): number {
  const start = cpuSeconds()
  const { placements, refusals } = planPlacements({ pending, nodes, alive: [], strategy, clusterId: 'bench' })
  return (placements.length + refusals.length) / (cpuSeconds() - start)
}

/** All cores together, the collector of garbage too, and nothing of what else the machine does. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000_000
}

/** The textbook: filter and score every node for every task. */
function scanAll(pending: readonly Task[]): number {
  const start = cpuSeconds()
  const used = nodes.map((node) => ({ node, cpuMillis: 0, memoryBytes: 0, services: new Map<string, number>() }))
  for (const { spec, service } of pending) {
    const { cpuMillis, memoryBytes } = spec.resources
    const [best] = used
      .filter(({ node }) => node.status === 'ready' && node.availability === 'active')
      .filter(({ node }) => spec.placements.includes(node.placement))
      .filter((one) => one.cpuMillis + cpuMillis <= one.node.capacity.cpuMillis)
      .filter((one) => one.memoryBytes + memoryBytes <= one.node.capacity.memoryBytes)
      .map((one) => ({
        one,
        peers: one.services.get(service) ?? 0,
        load: one.memoryBytes / one.node.capacity.memoryBytes,
      }))
      .sort((a, b) => a.peers - b.peers || a.load - b.load)
    if (best === undefined) continue
    best.one.cpuMillis += cpuMillis
    best.one.memoryBytes += memoryBytes
    best.one.services.set(service, best.peers + 1)
  }
  return pending.length / (cpuSeconds() - start)
}
