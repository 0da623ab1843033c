import { expect, test } from 'vitest'
import { aNode, aService, aTask } from '../../../test/builders.ts'
import { specHash } from '../manifest/diff.ts'
import type { ServiceSpec } from '../model/service.ts'
import type { Task } from '../model/task.ts'
import { displacementOn } from './displaced.ts'

const { container, resources } = aService()
const variants = {
  edge: { ports: [{ container: 80, host: 8_080, protocol: 'tcp' as const }], limits: container.limits },
}
const varied = aService({
  variants: Object.fromEntries(
    Object.entries(variants).map(([name, { ports, limits }]) => [name, { ports, limits, resources, seeds: 0 }]),
  ),
})

test.each<{
  name: string
  node: Parameters<typeof aNode>[0]
  spec?: ServiceSpec
  task?: Partial<Task>
  is: string | null
}>([
  { name: 'stays on an active node', node: {}, is: null },
  { name: 'stays on a paused node', node: { availability: 'pause' }, is: null },
  { name: 'stays while its node is away', node: { status: 'unreachable' }, is: null },
  { name: 'leaves a drained node', node: { availability: 'drain' }, is: 'node 1 is drained' },
  {
    name: 'leaves a node of a placement that its service has not',
    node: { placement: 'core' },
    spec: aService({ placements: ['edge'] }),
    is: 'node 1 has placement core',
  },
  { name: 'stays where another placement asks for nothing else', node: { placement: 'core' }, is: null },
  {
    name: 'leaves where the placement of its node asks for another container now',
    node: { placement: 'edge' },
    spec: varied,
    is: 'node 1 has placement edge now',
  },
  {
    name: 'stays where it was made for the variant',
    node: { placement: 'edge' },
    spec: varied,
    task: { placement: 'edge' },
    is: null,
  },
  {
    name: 'has nothing to leave before it has a node',
    node: { availability: 'drain' },
    task: { node: null },
    is: null,
  },
  { name: 'has nothing to leave where its node is gone', node: {}, task: { node: 7 }, is: null },
])('a task $name', ({ node, spec = aService(), task, is }) => {
  const it = aTask({ spec, specHash: specHash(spec), ...task })
  expect(displacementOn(spec, [aNode(node)])(it)).toBe(is)
})
