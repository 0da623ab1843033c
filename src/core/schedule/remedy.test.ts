import { expect, test } from 'vitest'
import { aNode, aService, aTask } from '../../../test/builders.ts'
import type { Node } from '../model/node.ts'
import type { ServiceSpec } from '../model/service.ts'
import type { Task } from '../model/task.ts'
import { POOL_SIZE } from './host-ports.ts'
import { remedyFor } from './remedy.ts'

const MB = 1_048_576
const mute: Node['runtimes'] = [{ kind: 'docker', available: false, version: '', message: '', unsupported: {} }]
const needing = (memoryMb: number, cpuMillis = 0, diskMb = 0): Partial<ServiceSpec> => ({
  resources: { cpuMillis, memoryBytes: memoryMb * MB, diskBytes: diskMb * MB },
})
const small = { cpuMillis: 100, memoryBytes: 64 * MB, diskBytes: MB }
const fixed = { ports: [{ container: 80, host: 80, protocol: 'tcp' as const }] }

test.each<{
  name: string
  spec?: Partial<Omit<ServiceSpec, 'container'>> & { container?: Partial<ServiceSpec['container']> }
  nodes?: Node[]
  alive?: Task[]
  remedy: string | null
}>([
  { name: 'nothing helps a task that fits', remedy: null },
  { name: 'without nodes one must join', nodes: [], remedy: 'fits if a node joined' },
  {
    name: 'missing memory is named in megabytes',
    spec: needing(576),
    nodes: [aNode({ capacity: small })],
    remedy: 'fits if node 1 had 512 MB more memory',
  },
  {
    name: 'everything that is missing is named',
    spec: needing(0, 350, 2),
    nodes: [aNode({ capacity: small })],
    remedy: 'fits if node 1 had 250 millicores more CPU and node 1 had 1 MB more disk',
  },
  {
    name: 'the node where the least is missing is named',
    spec: needing(576, 350),
    nodes: [aNode({ capacity: small }), aNode({ id: 2, availability: 'pause' }), aNode({ id: 3, capacity: small })],
    remedy: 'fits if node 2 were active',
  },
  {
    name: 'a node may be out of reach',
    nodes: [aNode({ status: 'unreachable' })],
    remedy: 'fits if node 1 were ready',
  },
  {
    name: 'a node may have another role',
    spec: { placements: ['db', 'cache'] },
    remedy: 'fits if node 1 were in placement db or cache',
  },
  { name: 'a runtime may be missing', nodes: [aNode({ runtimes: mute })], remedy: 'fits if node 1 ran containers' },
  {
    name: 'a fixed port may be taken',
    spec: { container: fixed },
    alive: [aTask({ hostPorts: [{ container: 80, host: 80, protocol: 'tcp' }] })],
    remedy: 'fits if on node 1 host port 80 were free',
  },
  {
    name: 'a service may ask for a port twice',
    spec: { container: { ports: [...fixed.ports, ...fixed.ports] } },
    remedy: 'fits if the service asked for host port 80 once',
  },
  {
    name: 'the ports to choose from may be used up',
    spec: { container: { ports: [{ container: 80, host: null, protocol: 'tcp' }] } },
    alive: [
      aTask({
        hostPorts: Array.from({ length: POOL_SIZE }, (_, i) => ({ container: 1, host: 20_000 + i, protocol: 'tcp' })),
      }),
    ],
    remedy: 'fits if node 1 had more free host ports',
  },
  {
    name: 'a global task waits for its own node',
    spec: { mode: 'global' },
    nodes: [aNode({ availability: 'pause' }), aNode({ id: 2 })],
    remedy: 'fits if node 1 were active',
  },
  {
    name: 'its own node may be gone',
    spec: { mode: 'global' },
    nodes: [aNode({ id: 2 })],
    remedy: 'fits if node 1 joined',
  },
])('$name', ({ spec = {}, nodes = [aNode()], alive = [], remedy }) => {
  const task = aTask({ spec: aService({ name: 'new', ...spec }), node: null, status: { state: 'pending' } })
  expect(remedyFor(task, nodes, alive)).toBe(remedy)
})
