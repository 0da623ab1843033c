import { expect, test } from 'vitest'
import { aNode, aService, aTask } from '../../../test/builders.ts'
import { deepFreeze } from '../../../test/deep-freeze.ts'
import type { Node } from '../model/node.ts'
import type { Port, ServiceSpec } from '../model/service.ts'
import type { Task } from '../model/task.ts'
import { FIRST_POOL_PORT, isPoolPort, POOL_SIZE } from './host-ports.ts'
import { planPlacements, type SchedulingInput } from './place.ts'
import { STRATEGIES } from './strategy.ts'

const MB = 1_048_576

type Change = Parameters<typeof aTask>[0]

/** A task that waits for a node. */
function waiting(spec: ServiceSpec, change: Change = {}): Task {
  return aTask({ spec, node: null, ...change, status: { state: 'pending', ready: false } })
}

function several(spec: ServiceSpec, count: number, from = 1): Task[] {
  return Array.from({ length: count }, (_, i) => waiting(spec, { slot: from + i }))
}

function needing(memoryMb: number, change: Partial<ServiceSpec> = {}): ServiceSpec {
  return aService({ ...change, resources: { cpuMillis: 0, memoryBytes: memoryMb * MB, diskBytes: 0 } })
}

function withPorts(ports: readonly Port[], change: Partial<Omit<ServiceSpec, 'container'>> = {}): ServiceSpec {
  return aService({ ...change, container: { ports } })
}

function tcp(container: number, host: number | null): Port {
  return { container, host, protocol: 'tcp' }
}

function aNodeWith(id: number, memoryMb: number, change: Partial<Node> = {}): Node {
  return aNode({ id, capacity: { cpuMillis: 4_000, memoryBytes: memoryMb * MB, diskBytes: 1_000 * MB }, ...change })
}

function plan(input: Partial<SchedulingInput>): ReturnType<typeof planPlacements> {
  return planPlacements(
    deepFreeze({ pending: [], nodes: [aNode()], alive: [], strategy: 'spread', clusterId: 'c1', ...input }),
  )
}

/** One line per task: `web.1.1 → 2`, or why it got no node. */
function lines(input: Partial<SchedulingInput>): string[] {
  const { placements, refusals } = plan(input)
  const placed = placements.map(({ taskId, node, hostPorts }) => {
    const ports = hostPorts.map(({ host }) => (isPoolPort(host) ? ' :free' : ` :${host}`)).join('')
    return `${taskId} → ${node}${ports}`
  })
  return [...placed, ...refusals.map(({ taskId, message }) => `${taskId}: ${message}`)]
}

const three = [aNode({ id: 1 }), aNode({ id: 2 }), aNode({ id: 3 })]
const db = aService({ name: 'db', placements: ['db'] })
const process = aService({ container: { image: null, command: ['serve'], ports: [tcp(80, null)] } })
const stopFirst80 = withPorts([tcp(80, 80)])
const startFirst80 = withPorts([tcp(80, 80)], { update: { order: 'start-first', parallelism: 1 } })
const on = (node: number, spec: ServiceSpec, change: Change = {}): Task => aTask({ spec, node, ...change })
const holding80 = (node: number, spec: ServiceSpec, change: Change = {}): Task =>
  on(node, spec, { hostPorts: [{ container: 80, host: 80, protocol: 'tcp' }], ...change })

test.each<{ name: string; input: Partial<SchedulingInput>; lines: string[] }>([
  {
    name: 'round-robin gives each node its turn',
    input: { strategy: 'round-robin', nodes: three, pending: several(aService(), 6) },
    lines: ['web.1.1 → 1', 'web.2.1 → 2', 'web.3.1 → 3', 'web.4.1 → 1', 'web.5.1 → 2', 'web.6.1 → 3'],
  },
  {
    name: 'round-robin goes on after the node of the newest task',
    input: {
      strategy: 'round-robin',
      nodes: three,
      alive: [on(2, aService(), { slot: 2, createdAt: 9 }), on(3, aService(), { createdAt: 5 })],
      pending: several(aService(), 1, 3),
    },
    lines: ['web.3.1 → 3'],
  },
  {
    name: 'round-robin passes nodes that cannot take the task',
    input: { strategy: 'round-robin', nodes: [aNodeWith(1, 10), aNodeWith(2, 100)], pending: several(needing(50), 3) },
    lines: ['web.1.1 → 2', 'web.2.1 → 2', 'web.3.1: not enough memory (2 nodes)'],
  },
  {
    name: 'spread keeps the tasks of a service apart, even where another node is less loaded',
    input: {
      nodes: [aNodeWith(1, 1_000), aNodeWith(2, 1_000)],
      alive: [on(1, aService()), on(2, needing(900, { name: 'big' }))],
      pending: [waiting(aService(), { slot: 2 })],
    },
    lines: ['web.2.1 → 2'],
  },
  {
    name: 'spread takes the least loaded node among those with equally many tasks of the service',
    input: { nodes: three, alive: [on(1, needing(100, { name: 'a' }))], pending: several(aService(), 2) },
    lines: ['web.1.1 → 2', 'web.2.1 → 3'],
  },
  {
    name: 'spread does not count the tasks that a rollout is about to replace',
    input: {
      nodes: [aNodeWith(1, 1_000), aNodeWith(2, 1_000)],
      alive: [on(1, startFirst80, { specHash: 'v0' }), on(2, needing(1, { name: 'a' }))],
      pending: [waiting(aService({ update: { order: 'start-first', parallelism: 1 } }), { attempt: 2 })],
    },
    lines: ['web.1.2 → 1'],
  },
  {
    name: 'spread counts tasks anew for each service',
    input: { nodes: three, pending: [...several(aService({ name: 'a' }), 2), ...several(aService({ name: 'b' }), 2)] },
    lines: ['a.1.1 → 1', 'a.2.1 → 2', 'b.1.1 → 3', 'b.2.1 → 1'],
  },
  {
    name: 'bin-pack fills a node before it opens the next',
    input: { strategy: 'bin-pack', nodes: [aNodeWith(1, 100), aNodeWith(2, 100)], pending: several(needing(40), 5) },
    lines: ['web.1.1 → 1', 'web.2.1 → 1', 'web.3.1 → 2', 'web.4.1 → 2', 'web.5.1: not enough memory (2 nodes)'],
  },
  {
    name: 'least-loaded takes the node with the smallest share set aside, not the largest free part',
    input: {
      strategy: 'least-loaded',
      nodes: [aNodeWith(1, 1_000), aNodeWith(2, 100)],
      alive: [on(1, needing(300, { name: 'a' })), on(2, needing(10, { name: 'b' }))],
      pending: several(needing(10), 1),
    },
    lines: ['web.1.1 → 2'],
  },
  {
    name: 'least-loaded counts tasks where nothing is reserved',
    input: { strategy: 'least-loaded', nodes: three, pending: several(aService(), 4) },
    lines: ['web.1.1 → 1', 'web.2.1 → 2', 'web.3.1 → 3', 'web.4.1 → 1'],
  },
  {
    name: 'epvm avoids the loaded node',
    input: {
      strategy: 'epvm',
      nodes: [aNodeWith(1, 1_000), aNodeWith(2, 1_000)],
      alive: [on(1, needing(800, { name: 'a' }))],
      pending: several(needing(100), 1),
    },
    lines: ['web.1.1 → 2'],
  },
  {
    name: 'epvm prefers the node on which the task is the smaller share',
    input: { strategy: 'epvm', nodes: [aNodeWith(1, 100), aNodeWith(2, 1_000)], pending: several(needing(50), 1) },
    lines: ['web.1.1 → 2'],
  },
  {
    name: 'epvm asks for free disk, not for disk in use',
    input: {
      strategy: 'epvm',
      pending: [waiting(aService({ resources: { cpuMillis: 0, memoryBytes: 0, diskBytes: 5 * MB } }))],
    },
    lines: ['web.1.1 → 1'],
  },
  {
    name: 'older tasks are placed first',
    input: {
      nodes: [aNodeWith(1, 60)],
      pending: [
        waiting(needing(50, { name: 'a' }), { createdAt: 2 }),
        waiting(needing(50, { name: 'b' }), { createdAt: 1 }),
      ],
    },
    lines: ['b.1.1 → 1', 'a.1.1: not enough memory (1 node)'],
  },
  {
    name: 'a task keeps to its placement',
    input: { nodes: [aNode(), aNode({ id: 2, placement: 'db' })], pending: [waiting(db)] },
    lines: ['db.1.1 → 2'],
  },
  {
    name: 'what a placement sets differently counts on its nodes only',
    input: {
      nodes: [aNodeWith(1, 100, { placement: 'small' }), aNodeWith(2, 100)],
      pending: several(
        {
          ...needing(500),
          variants: {
            small: {
              ports: [tcp(80, 81)],
              limits: aService().container.limits,
              resources: { cpuMillis: 0, memoryBytes: MB, diskBytes: 0 },
              seeds: 0,
            },
          },
        },
        1,
      ),
    },
    lines: ['web.1.1 → 1 :81'],
  },
  {
    name: 'refusals are counted by reason, the most frequent first',
    input: {
      nodes: [aNodeWith(1, 10), aNodeWith(2, 10), aNode({ id: 3, availability: 'pause' })],
      pending: [waiting(needing(50))],
    },
    lines: ['web.1.1: not enough memory (2 nodes), paused (1 node)'],
  },
  {
    name: 'equally frequent reasons come in the order of the alphabet',
    input: {
      nodes: [
        aNode({ availability: 'drain' }),
        aNode({ id: 2, status: 'unreachable' }),
        aNode({ id: 3, status: 'draining' }),
      ],
      pending: [waiting(aService())],
    },
    lines: ['web.1.1: drained (1 node), draining (1 node), unreachable (1 node)'],
  },
  {
    name: 'CPU and disk are never given out twice',
    input: {
      nodes: [aNodeWith(1, 1_000)],
      pending: [
        waiting(aService({ name: 'a', resources: { cpuMillis: 3_000, memoryBytes: 0, diskBytes: 900 * MB } })),
        waiting(aService({ name: 'b', resources: { cpuMillis: 3_000, memoryBytes: 0, diskBytes: 0 } })),
        waiting(aService({ name: 'c', resources: { cpuMillis: 0, memoryBytes: 0, diskBytes: 900 * MB } })),
      ],
    },
    lines: ['a.1.1 → 1', 'b.1.1: not enough CPU (1 node)', 'c.1.1: not enough disk (1 node)'],
  },
  {
    name: 'a node that shrank below what its tasks hold still takes tasks that reserve nothing',
    input: { nodes: [aNodeWith(1, 10)], alive: [on(1, needing(50, { name: 'a' }))], pending: several(aService(), 1) },
    lines: ['web.1.1 → 1'],
  },
  {
    name: 'a node without capacity takes tasks that reserve nothing',
    input: {
      nodes: [aNode({ capacity: { cpuMillis: 0, memoryBytes: 0, diskBytes: 0 } })],
      pending: several(aService(), 1),
    },
    lines: ['web.1.1 → 1'],
  },
  {
    name: 'a container needs a node that runs containers',
    input: {
      nodes: [
        aNode({ runtimes: [] }),
        aNode({ id: 2, runtimes: [{ ...dockerDown(), message: 'connection refused' }] }),
        aNode({ id: 3, runtimes: [dockerDown()] }),
      ],
      pending: several(aService(), 1),
    },
    lines: [
      'web.1.1: Docker Engine does not answer (1 node), Docker Engine does not answer: connection refused (1 node), runs no containers (1 node)',
    ],
  },
  {
    name: 'a process needs a node that runs processes',
    input: { nodes: [aNode({ runtimes: [{ ...dockerDown(), available: true }] })], pending: [waiting(process)] },
    lines: ['web.1.1: runs no processes (1 node)'],
  },
  {
    name: 'without nodes a task waits for one',
    input: { nodes: [], pending: several(aService(), 1) },
    lines: ['web.1.1: no node has joined'],
  },
  {
    name: 'a removed node is no node',
    input: { nodes: [aNode({ status: 'removed' })], alive: [on(1, aService())], pending: several(aService(), 1, 2) },
    lines: ['web.2.1: no node has joined'],
  },
  {
    name: 'a task of a global service goes to its node only',
    input: {
      nodes: three,
      pending: several(aService({ mode: 'global' }), 3, 2).concat(waiting(aService({ mode: 'global' }), { slot: 1 })),
    },
    lines: ['web.1.1 → 1', 'web.2.1 → 2', 'web.3.1 → 3', 'web.4.1: node 4 is not in the cluster'],
  },
  {
    name: 'a task of a global service waits for its node, whatever others have free',
    input: {
      nodes: [aNodeWith(1, 10), aNodeWith(2, 100)],
      pending: several(needing(50, { mode: 'global' }), 2),
    },
    lines: ['web.2.1 → 2', 'web.1.1: not enough memory (1 node)'],
  },
  {
    name: 'a fixed host port spreads a service and then refuses it',
    input: { nodes: [aNode(), aNode({ id: 2 })], pending: several(stopFirst80, 3) },
    lines: ['web.1.1 → 1 :80', 'web.2.1 → 2 :80', 'web.3.1: host port 80 is taken by web.1.1 and others (2 nodes)'],
  },
  {
    name: 'a refusal names the one that has the port',
    input: { alive: [holding80(1, aService({ name: 'old' }))], pending: several(stopFirst80, 1) },
    lines: ['web.1.1: host port 80 is taken by old.1.1 (1 node)'],
  },
  {
    name: 'TCP and UDP do not share ports',
    input: {
      alive: [holding80(1, aService({ name: 'old' }))],
      pending: [waiting(withPorts([{ container: 80, host: 80, protocol: 'udp' }]))],
    },
    lines: ['web.1.1 → 1 :80'],
  },
  {
    name: 'a service that asks for a port twice cannot run',
    input: { pending: [waiting(withPorts([tcp(80, 80), tcp(81, 80)]))] },
    lines: ['web.1.1: host port 80 is asked for twice by the service itself (1 node)'],
  },
  {
    name: 'on the network of the host the ports of a container are host ports',
    input: {
      alive: [holding80(1, aService({ name: 'old' }))],
      pending: [waiting(aService({ container: { networkMode: 'host', ports: [tcp(80, null)] } }))],
    },
    lines: ['web.1.1: host port 80 is taken by old.1.1 (1 node)'],
  },
  {
    name: 'a container without a network publishes nothing',
    input: { pending: [waiting(aService({ container: { networkMode: 'none', ports: [tcp(80, 80)] } }))] },
    lines: ['web.1.1 → 1'],
  },
  {
    name: 'a process gets a free host port for each of its ports',
    input: { pending: [waiting({ ...process, container: { ...process.container, networkMode: 'host' } })] },
    lines: ['web.1.1 → 1 :free'],
  },
  {
    name: 'a replacement that waits stays where its predecessor makes room',
    input: {
      nodes: [aNode(), aNode({ id: 2 })],
      alive: [holding80(2, stopFirst80)],
      pending: [waiting(stopFirst80, { attempt: 2 })],
    },
    lines: ['web.1.2 → 2 :80'],
  },
  {
    name: 'a replacement that runs beside its predecessor needs room of its own',
    input: {
      nodes: [aNode(), aNode({ id: 2 })],
      alive: [holding80(2, startFirst80)],
      pending: [waiting(startFirst80, { attempt: 2 })],
    },
    lines: ['web.1.2 → 1 :80'],
  },
  {
    name: 'an exclusive service never runs beside its predecessor',
    input: {
      alive: [holding80(1, startFirst80)],
      pending: [waiting({ ...startFirst80, exclusive: true }, { attempt: 2 })],
    },
    lines: ['web.1.2 → 1 :80'],
  },
  {
    name: 'only one replacement may wait for a predecessor',
    input: {
      alive: [holding80(1, stopFirst80), holding80(1, stopFirst80, { attempt: 2 })],
      pending: [waiting(stopFirst80, { attempt: 3 })],
    },
    lines: ['web.1.3: host port 80 is taken by web.1.2 (1 node)'],
  },
  {
    name: 'a waiting replacement and its predecessor hold the larger of their reservations',
    input: {
      nodes: [aNodeWith(1, 100)],
      alive: [on(1, needing(60)), on(1, needing(80), { attempt: 2 })],
      pending: several(needing(20, { name: 'a' }), 2),
    },
    lines: ['a.1.1 → 1', 'a.2.1: not enough memory (1 node)'],
  },
  {
    name: 'a replacement that needs more than its predecessor leaves goes elsewhere',
    input: {
      nodes: [aNodeWith(1, 100), aNodeWith(2, 100)],
      alive: [on(1, needing(60)), on(1, needing(30, { name: 'a' }))],
      pending: [waiting(needing(80), { attempt: 2 })],
    },
    lines: ['web.1.2 → 2'],
  },
  {
    name: 'a replacement leaves the node that takes no new tasks',
    input: {
      nodes: [aNode({ availability: 'drain' }), aNode({ id: 2 })],
      alive: [on(1, aService())],
      pending: [waiting(aService(), { attempt: 2 })],
    },
    lines: ['web.1.2 → 2'],
  },
  {
    name: 'a global replacement waits for its predecessor on the same node',
    input: {
      alive: [holding80(1, { ...stopFirst80, mode: 'global' })],
      pending: [waiting({ ...stopFirst80, mode: 'global' }, { attempt: 2 })],
    },
    lines: ['web.1.2 → 1 :80'],
  },
  ...STRATEGIES.map((strategy) => ({
    name: `${strategy} avoids the node where the last attempt failed, if it can`,
    input: {
      strategy,
      nodes: [aNodeWith(1, 100), aNodeWith(2, 100)],
      avoid: new Map([
        ['web.1.2', 1],
        ['web.2.2', 1],
      ]),
      pending: several(needing(60), 2).map((task) => ({ ...task, id: `web.${task.slot}.2`, attempt: 2 })),
    },
    lines: ['web.1.2 → 2', 'web.2.2 → 1'],
  })),
  {
    name: 'a task on a node that is unknown holds nothing',
    input: { alive: [on(7, stopFirst80), aTask({ node: null })], pending: several(stopFirst80, 1) },
    lines: ['web.1.1 → 1 :80'],
  },
  {
    name: 'one that avoids a node does not disturb the order of the others',
    input: {
      nodes: three,
      avoid: new Map([['web.2.1', 2]]),
      pending: several(aService(), 5),
    },
    lines: ['web.1.1 → 1', 'web.2.1 → 3', 'web.3.1 → 2', 'web.4.1 → 1', 'web.5.1 → 2'],
  },
  { name: 'nothing waits, nothing happens', input: {}, lines: [] },
])('$name', ({ input, lines: expected }) => {
  expect(lines(input)).toEqual(expected)
})

function dockerDown() {
  return { kind: 'docker', available: false, version: '', message: '', unsupported: {} } as const
}

test('a node gives out its last free host port and then no more', () => {
  const taken = Array.from({ length: POOL_SIZE - 1 }, (_, i) => ({
    container: 80,
    host: FIRST_POOL_PORT + (i < 4_321 ? i : i + 1),
    protocol: 'tcp' as const,
  }))
  const alive = [aTask({ hostPorts: taken })]
  const pending = several(withPorts([tcp(80, null)], { name: 'a' }), 2)
  const { placements, refusals } = plan({ alive, pending })
  expect(placements.map(({ hostPorts }) => hostPorts[0]?.host)).toEqual([FIRST_POOL_PORT + 4_321])
  expect(refusals.map(({ message }) => message)).toEqual(['no free host port is left to choose (1 node)'])
})

test('clusters and attempts begin their search for a free port at different places', () => {
  const first = (clusterId: string, attempt: number): number | undefined =>
    plan({ clusterId, pending: [waiting(process, { attempt })] }).placements[0]?.hostPorts[0]?.host
  expect(new Set([first('c1', 1), first('c1', 2), first('c2', 1), first('c2', 2)]).size).toBe(4)
  expect(first('c1', 1)).toBe(first('c1', 1))
})
