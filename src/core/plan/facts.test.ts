import { expect, test } from 'vitest'
import { aNode, aTask } from '../../../test/builders.ts'
import type { Node } from '../model/node.ts'
import type { Task } from '../model/task.ts'
import { type Facts, factsOf, movedFacts } from './facts.ts'

interface World {
  readonly revision?: number
  readonly services?: readonly string[]
  readonly tasks?: readonly Task[]
  readonly nodes?: readonly Node[]
}

const first = aTask()
const second = aTask({ slot: 2, node: 2 })

function facts({ revision = 3, services = ['web'], tasks = [first, second], nodes = [aNode()] }: World): Facts {
  return factsOf(revision, services, tasks, nodes)
}

test('facts name the manifest, the wanted tasks of the services and the nodes', () => {
  const stopping = aTask({ slot: 3, desired: 'stopped' })
  expect(facts({ tasks: [second, first, stopping], services: ['api', 'web'] })).toEqual({
    manifest: '3',
    'service/api': '',
    'service/web': 'web.1.1 of v1 on 1, web.2.1 of v1 on 2',
    'node/1': 'ready, active, placement default, docker, process',
  })
})

test.each<{ name: string; before?: World; after: World; moved: string[] }>([
  { name: 'equal worlds have equal facts', after: { tasks: [second, first] }, moved: [] },
  { name: 'another manifest is named', after: { revision: 4 }, moved: ['manifest 3 became manifest 4'] },
  {
    name: 'a replaced task is named with its successor',
    after: { tasks: [first, aTask({ slot: 2, attempt: 2 })] },
    moved: ['web.2.1 is gone, web.2.2 is there now'],
  },
  {
    name: 'the last task of a service may be gone',
    before: { tasks: [first] },
    after: { tasks: [] },
    moved: ['web.1.1 is gone'],
  },
  {
    name: 'a task that got its node is named',
    before: { tasks: [aTask({ node: null })] },
    after: { tasks: [first] },
    moved: ['web.1.1 was of v1 on no node, is of v1 on 1 now'],
  },
  {
    name: 'services that came into or out of the plan are named',
    before: { services: ['web'] },
    after: { services: ['api'] },
    moved: ['api would change now too', 'web would not change any more'],
  },
  {
    name: 'a node that changed is named with what it was',
    after: { nodes: [aNode({ status: 'unreachable', runtimes: [] })] },
    moved: [
      'node 1 was ready, active, placement default, docker, process; it is unreachable, active, placement default now',
    ],
  },
  {
    name: 'nodes that came and went are named',
    after: { nodes: [aNode({ id: 2 })] },
    moved: ['node 1 is gone', 'node 2 has joined'],
  },
])('$name', ({ before = {}, after, moved }) => {
  expect(movedFacts({ facts: facts(before) }, { facts: facts(after) })).toEqual(moved)
})
