import fc from 'fast-check'
import { expect, test } from 'vitest'
import { aNode, aService, aTask } from '../../../test/builders.ts'
import { deepFreeze } from '../../../test/deep-freeze.ts'
import type { ServiceSpec } from '../model/service.ts'
import type { Task } from '../model/task.ts'
import { planPlacements } from './place.ts'
import { STRATEGIES } from './strategy.ts'

/** A task that waits for a node. */
function waiting(spec: ServiceSpec, change: Parameters<typeof aTask>[0] = {}): Task {
  return aTask({ spec, node: null, ...change, status: { state: 'pending', ready: false } })
}

const anyPort = fc.record({
  container: fc.integer({ min: 1, max: 5 }),
  host: fc.option(fc.integer({ min: 80, max: 83 }), { nil: null }),
  protocol: fc.constantFrom('tcp' as const, 'udp' as const),
})
const anySpec = fc
  .record({
    name: fc.constantFrom('a', 'b', 'c'),
    mode: fc.constantFrom('replicated' as const, 'replicated' as const, 'global' as const, 'job' as const),
    placements: fc.subarray(['x', 'y']),
    image: fc.constantFrom('i', null),
    networkMode: fc.constantFrom('bridge' as const, 'host' as const, 'none' as const),
    ports: fc.array(anyPort, { maxLength: 2 }),
    cpuMillis: fc.constantFrom(0, 100, 700),
    memoryBytes: fc.constantFrom(0, 1, 5),
    diskBytes: fc.constantFrom(0, 3),
    order: fc.constantFrom('start-first' as const, 'stop-first' as const),
    exclusive: fc.boolean(),
  })
  .map(({ image, networkMode, ports, cpuMillis, memoryBytes, diskBytes, order, ...rest }) =>
    aService({
      ...rest,
      container: { image, networkMode, ports },
      resources: { cpuMillis, memoryBytes, diskBytes },
      update: { order, parallelism: 1 },
    }),
  )
const anyNodes = fc
  .array(
    fc.record({
      status: fc.constantFrom('ready' as const, 'ready' as const, 'ready' as const, 'unreachable' as const),
      availability: fc.constantFrom('active' as const, 'active' as const, 'pause' as const),
      placement: fc.constantFrom('x', 'y', 'z'),
      capacity: fc.record({
        cpuMillis: fc.constantFrom(500, 1_000, 4_000),
        memoryBytes: fc.constantFrom(0, 8, 20),
        diskBytes: fc.constantFrom(2, 9),
      }),
    }),
    { maxLength: 6 },
  )
  .map((nodes) => nodes.map((node, i) => aNode({ id: i + 1, ...node })))
const anyWorld = fc.record({
  nodes: anyNodes,
  strategy: fc.constantFrom(...STRATEGIES),
  first: fc.array(fc.tuple(anySpec, fc.integer({ min: 1, max: 8 })), { maxLength: 12 }),
  second: fc.array(fc.tuple(anySpec, fc.integer({ min: 1, max: 8 })), { maxLength: 12 }),
})

/** Tasks with distinct slots in each service, as a reconciler makes them. */
function tasksOf(wanted: readonly (readonly [ServiceSpec, number])[], attempt: number): Task[] {
  const bySlot = new Map(wanted.map(([spec, slot]) => [`${spec.name}.${slot}`, waiting(spec, { slot, attempt })]))
  return [...bySlot.values()]
}

/** The world after a schedule was carried out. */
function carriedOut(pending: readonly Task[], schedule: ReturnType<typeof planPlacements>): Task[] {
  return schedule.placements.flatMap(({ taskId, node, hostPorts }) =>
    pending
      .filter(({ id }) => id === taskId)
      .map((task) => ({ ...task, node, hostPorts, status: { ...task.status, state: 'assigned' as const } })),
  )
}

/** One placement after the other on an empty cluster, then replacements on top. */
function twoRounds({ nodes, strategy, first, second }: typeof anyWorld extends fc.Arbitrary<infer W> ? W : never) {
  const pending = tasksOf(first, 1)
  const schedule = planPlacements(deepFreeze({ pending, nodes, alive: [], strategy, clusterId: 'c' }))
  const alive = carriedOut(pending, schedule)
  const next = tasksOf(second, 2)
  const nextSchedule = planPlacements(deepFreeze({ pending: next, nodes, alive, strategy, clusterId: 'c' }))
  return { nodes, alive, next, nextSchedule, all: [...alive, ...carriedOut(next, nextSchedule)] }
}

/** Of tasks that wait for each other in a slot, only the largest demand counts. */
function isWaiting(task: Task, all: readonly Task[]): boolean {
  const waits = task.spec.exclusive || task.spec.update.order === 'stop-first'
  return waits && all.some((other) => sameSlot(other, task) && other.attempt < task.attempt)
}

function sameSlot(a: Task, b: Task): boolean {
  return a.service === b.service && a.slot === b.slot && a.node === b.node
}

test('no node ever gives out more than it has', () => {
  fc.assert(
    fc.property(anyWorld, (world) => {
      const { nodes, all } = twoRounds(world)
      for (const node of nodes) {
        const here = all.filter((task) => task.node === node.id)
        for (const of of ['cpuMillis', 'memoryBytes', 'diskBytes'] as const) {
          const used = here.reduce((sum, task) => {
            if (!isWaiting(task, here)) return sum + task.spec.resources[of]
            const before = here.find((other) => sameSlot(other, task) && other !== task)
            return sum + Math.max(0, task.spec.resources[of] - (before?.spec.resources[of] ?? 0))
          }, 0)
          expect(used).toBeLessThanOrEqual(node.capacity[of])
        }
      }
    }),
  )
})

test('no host port of a node is ever given to two tasks that run at once', () => {
  fc.assert(
    fc.property(anyWorld, (world) => {
      const { all } = twoRounds(world)
      const holders = new Map<string, Task>()
      for (const task of all) {
        for (const { host, protocol } of task.hostPorts) {
          const port = `${task.node} ${host} ${protocol}`
          const before = holders.get(port)
          if (before !== undefined)
            expect([sameSlot(before, task), isWaiting(task, all), before === task]).toEqual([true, true, false])
          holders.set(port, task)
        }
      }
    }),
  )
})

test('every task that waits is placed where it is allowed to be, or refused with a reason', () => {
  fc.assert(
    fc.property(anyWorld, (world) => {
      const { nodes, next, nextSchedule, all } = twoRounds(world)
      const answered = [...nextSchedule.placements, ...nextSchedule.refusals].map(({ taskId }) => taskId)
      expect(answered.sort()).toEqual(next.map(({ id }) => id).sort())
      for (const { message } of nextSchedule.refusals) expect(message).not.toBe('')
      for (const task of all) {
        const node = nodes.find(({ id }) => id === task.node)
        expect(node).toMatchObject({ status: 'ready', availability: 'active' })
        if (task.spec.placements.length > 0) expect(task.spec.placements).toContain(node?.placement)
        if (task.spec.mode === 'global') expect(task.slot).toBe(task.node)
      }
    }),
  )
})

test('a task is refused only if a second look finds no node either', () => {
  fc.assert(
    fc.property(anyWorld, (world) => {
      const { nodes, next, nextSchedule, all } = twoRounds(world)
      const refused = next.filter(({ id }) => nextSchedule.refusals.some(({ taskId }) => taskId === id))
      const again = { pending: refused, nodes, alive: all, strategy: world.strategy, clusterId: 'c' }
      expect(planPlacements(again).placements).toEqual([])
    }),
  )
})

test('the order of the lists makes no difference to a schedule', () => {
  fc.assert(
    fc.property(anyWorld, fc.infiniteStream(fc.nat()), ({ nodes, strategy, first, second }, numbers) => {
      const shuffled = <T>(items: readonly T[]): T[] =>
        items
          .map((item) => ({ item, key: numbers.next().value }))
          .sort((a, b) => a.key - b.key)
          .map(({ item }) => item)
      const pending = tasksOf(first, 1)
      const alive = carriedOut(pending, planPlacements({ pending, nodes, alive: [], strategy, clusterId: 'c' }))
      const next = tasksOf(second, 2)
      const inOrder = planPlacements({ pending: next, nodes, alive, strategy, clusterId: 'c' })
      const mixed = {
        pending: shuffled(next),
        nodes: shuffled(nodes),
        alive: shuffled(alive),
        strategy,
        clusterId: 'c',
      }
      expect(planPlacements(mixed)).toEqual(inOrder)
    }),
  )
})

test('many tasks at once go where they would go one after the other', () => {
  const anyServices = fc.uniqueArray(fc.tuple(anySpec, fc.integer({ min: 1, max: 6 })), {
    selector: ([{ name }]) => name,
  })
  fc.assert(
    fc.property(anyNodes, anyServices, fc.constantFrom(...STRATEGIES), (nodes, services, strategy) => {
      const pending = services.flatMap(([spec, count], service) =>
        Array.from({ length: count }, (_, i) => waiting(spec, { slot: i + 1, createdAt: service * 10 + i })),
      )
      const alive: Task[] = []
      const each = pending.map((task) => {
        const schedule = planPlacements({ pending: [task], nodes, alive, strategy, clusterId: 'c' })
        alive.push(...carriedOut([task], schedule))
        return schedule
      })
      const together = planPlacements({ pending, nodes, alive: [], strategy, clusterId: 'c' })
      expect(together.placements).toEqual(each.flatMap(({ placements }) => placements))
    }),
  )
})

test('services of more kinds than queues are kept go where they would go one after the other', () => {
  const nodes = Array.from({ length: 60 }, (_, i) =>
    aNode({ id: i + 1, capacity: { cpuMillis: 100 + i, memoryBytes: 0, diskBytes: 0 } }),
  )
  const pending = Array.from({ length: 240 }, (_, n) => {
    const service = n >> 2
    const resources = { cpuMillis: 30 + (service % 40), memoryBytes: 0, diskBytes: 0 }
    return waiting(aService({ name: `s${service}`, resources }), { slot: (n % 4) + 1, createdAt: n })
  })
  const alive: Task[] = []
  const each = pending.flatMap((task) => {
    const schedule = planPlacements({ pending: [task], nodes, alive, strategy: 'bin-pack', clusterId: 'c' })
    alive.push(...carriedOut([task], schedule))
    return schedule.placements
  })
  expect(planPlacements({ pending, nodes, alive: [], strategy: 'bin-pack', clusterId: 'c' }).placements).toEqual(each)
  expect(each.length).toBeLessThan(240)
})

test('a service with tasks nearly everywhere goes to the node that has none', () => {
  const spec = aService({ resources: { cpuMillis: 1, memoryBytes: 0, diskBytes: 0 } })
  const nodes = Array.from({ length: 100 }, (_, i) => aNode({ id: i + 1 }))
  const alive = nodes.slice(0, 99).map(({ id }) => aTask({ spec, slot: id, node: id }))
  const pending = ['web', 'a', 'b', 'c'].map((name) => waiting({ ...spec, name }, { slot: 100 }))
  const { placements } = planPlacements({ pending, nodes, alive, strategy: 'spread', clusterId: 'c' })
  expect(placements.find(({ taskId }) => taskId === 'web.100.1')?.node).toBe(100)
})
