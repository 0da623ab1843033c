import { expect, test } from 'vitest'
import { aNode, aService, aTask } from '../../../test/builders.ts'
import type { Cluster, ServerRecord } from '../model/cluster.ts'
import type { Node } from '../model/node.ts'
import type { Plan } from '../model/plan.ts'
import type { Task } from '../model/task.ts'
import { movedFacts } from '../plan/facts.ts'
import { planUpgrade } from './plan-upgrade.ts'

const CLUSTER: Cluster = { id: '0123456789abcdef', name: 'shop', incarnation: 1, createdAt: 0 }

const machine = (id: number, name: string, version: string, change: Partial<Node> = {}): Node =>
  aNode({ id, name, version, machineId: `machine-${id}`, ...change })
const server = (name: string, version: string, level: number): ServerRecord => ({ name, address: null, version, level })

interface Situation {
  readonly cluster?: Cluster
  readonly nodes: readonly Node[]
  readonly servers: readonly ServerRecord[]
  readonly level?: number
  readonly force?: boolean
  readonly tasks?: readonly Task[]
}

const TASKS = [aTask({ id: 'web.1.1', node: 3, status: { state: 'running' } })]

function plan({ cluster = CLUSTER, nodes, servers, level = 2, force = false, tasks = TASKS }: Situation): Plan {
  return planUpgrade({
    ...{ cluster, desiredRevision: 3, servers, leader: 'a', nodes },
    change: { kind: 'upgrade', version: '0.2.0', level, force },
    tasks,
  })
}

const reasons = ({ blockers }: Plan): string[] => blockers.map(({ message }) => message)

const OLD = {
  nodes: [machine(1, 'a', '0.1.0'), machine(2, 'b', '0.1.0'), machine(3, 'w', '0.1.0')],
  servers: [server('a', '0.1.0', 1), server('b', '0.1.0', 1)],
}
const NEW = {
  nodes: [machine(1, 'a', '0.2.0'), machine(2, 'b', '0.2.0'), machine(3, 'w', '0.2.0')],
  servers: [server('a', '0.2.0', 2), server('b', '0.2.0', 2)],
}

test('servers that follow come first, then the one that leads, then the others, each with what it means', () => {
  const { nodes } = plan(OLD)
  expect(nodes.map(({ name, consequence }) => [name, consequence])).toEqual([
    ['b', 'a server that follows'],
    ['a', 'it leads: another server takes over'],
    ['w', 'its task runs on'],
  ])
  expect(nodes[0]?.fields).toEqual([{ field: 'version', from: '0.1.0', to: '0.2.0' }])
})

test('a task with a lease runs on only where the program is back before the lease ends', () => {
  const spec = aService({ exclusive: true, leaseMs: 30_000, container: { stopGraceMs: 1_000 } })
  const tasks = [...TASKS, aTask({ id: 'db.1.1', node: 3, spec, status: { state: 'running' } })]
  expect(plan({ ...OLD, tasks }).nodes.at(-1)?.consequence).toBe(
    'its 2 tasks run on, db.1.1 only if it is back within 23 s',
  )
})

test('the level is not raised while a machine runs the version before', () => {
  expect(reasons(plan(OLD))).toEqual([
    'node 2 (b) still runs 0.1.0',
    'node 1 (a) still runs 0.1.0',
    'node 3 (w) still runs 0.1.0',
  ])
})

test('when every machine has the version what is left is to raise the level', () => {
  expect(plan(NEW)).toMatchObject({ nodes: [], level: { from: 1, to: 2 }, blockers: [] })
})

test('a version of the same level is there when all machines run it, and raises nothing', () => {
  expect(plan({ ...OLD, level: 1 })).toMatchObject({ level: null })
  expect(plan({ ...NEW, level: 1 })).toMatchObject({ nodes: [], level: null, blockers: [] })
})

test('a server that said nothing of the level holds it up, whatever its node says', () => {
  const servers = [server('a', '0.2.0', 2), server('b', '0.1.0', 1)]
  expect(reasons(plan({ ...NEW, servers }))).toEqual(['server b last said that it runs 0.1.0, which knows level 1'])
})

test('by force an agent that cannot be reached is not waited for, a server is', () => {
  const away = { status: 'unreachable' } as const
  const lostAgent = [...NEW.nodes.slice(0, 2), machine(3, 'w', '0.1.0', away)]
  expect(reasons(plan({ ...NEW, nodes: lostAgent }))).toEqual(['node 3 (w) still runs 0.1.0'])
  expect(reasons(plan({ ...NEW, nodes: lostAgent, force: true }))).toEqual([])
  const lostServer = [machine(1, 'a', '0.2.0'), machine(2, 'b', '0.1.0', away), machine(3, 'w', '0.2.0')]
  expect(reasons(plan({ ...NEW, nodes: lostServer, force: true }))).toEqual(['node 2 (b) still runs 0.1.0'])
})

test('levels are taken one at a time, and never back: no machine is to get such a version', () => {
  for (const level of [0, 3]) expect(plan({ ...OLD, level })).toMatchObject({ nodes: [], level: null, notes: [] })
  expect(reasons(plan({ ...NEW, level: 3 }))).toEqual([
    'the cluster is at level 1: upgrade to a version of level 2 first',
  ])
  const cluster = { ...CLUSTER, level: 3 }
  expect(reasons(plan({ ...NEW, cluster }))).toEqual([
    'version 0.2.0 knows level 2, the cluster is at 3: there is no way back',
  ])
})

test('a place that waits for a machine needs no version', () => {
  const nodes = [...NEW.nodes, aNode({ id: 4, name: 'empty', version: '0.1.0', machineId: null })]
  expect(plan({ ...NEW, nodes })).toMatchObject({ nodes: [], blockers: [] })
})

test('a plan tells what moved when a machine changed its version meanwhile', () => {
  const later = plan({ ...OLD, nodes: [machine(1, 'a', '0.2.0'), ...OLD.nodes.slice(1)] })
  expect(movedFacts(plan(OLD), later).join()).toContain('node a was 0.1.0')
})
