import { expect, test } from 'vitest'
import { aNode, aService, aTask } from '../../../test/builders.ts'
import type { Node } from '../model/node.ts'
import type { Task } from '../model/task.ts'
import { explainNode } from './explain.ts'

const startFirst = aService({ update: { order: 'start-first', parallelism: 1 } })
const stopFirst = aService({ update: { order: 'stop-first', parallelism: 1 } })

test.each<{ name: string; node: Partial<Node>; tasks?: Task[]; summary: string; reasons: string[] }>([
  {
    name: 'a node that is as it should be',
    node: {},
    tasks: [aTask(), aTask({ slot: 2, node: 2 })],
    summary: 'node 1 (node-1:7946) is ready, takes tasks, with 1 task',
    reasons: [],
  },
  {
    name: 'a paused one',
    node: { availability: 'pause' },
    summary: 'node 1 (node-1:7946) is ready, takes no new tasks, with no task',
    reasons: ['a user paused it; `gantry node activate 1` lets it take tasks again'],
  },
  {
    name: 'one that is drained, and what each task waits for',
    node: { availability: 'drain', status: 'draining' },
    tasks: [
      aTask({ spec: startFirst }),
      aTask({
        spec: startFirst,
        attempt: 2,
        node: 2,
        status: { state: 'preparing', message: 'pulling web:2', ready: false },
      }),
      aTask({ slot: 2 }),
      aTask({
        spec: startFirst,
        slot: 2,
        attempt: 2,
        node: null,
        refusal: 'no room (1 node)',
        status: { state: 'pending', ready: false },
      }),
      aTask({ slot: 3 }),
      aTask({ slot: 4, desired: 'stopped', because: 'web.4.2 replaces it' }),
    ],
    summary: 'node 1 (node-1:7946) is draining, takes no tasks, with 4 tasks',
    reasons: [
      'a user drains it; `gantry node activate 1` lets it take tasks again',
      'web.1.1 goes on until web.1.2 is ready; web.1.2 is preparing on node 2: pulling web:2',
      'web.2.1 goes on until web.2.2 is ready; web.2.2 has no node: no room (1 node)',
      'web.3.1 waits for its turn: an update of web moves only so many tasks at once',
      'web.4.1 is stopping: web.4.2 replaces it',
    ],
  },
  {
    name: 'one that is drained, with tasks that stop before others start',
    node: { availability: 'drain', status: 'draining' },
    tasks: [
      aTask({ spec: stopFirst }),
      aTask({ spec: stopFirst, attempt: 2, node: 2, status: { state: 'preparing', prepared: false, ready: false } }),
      aTask({ spec: stopFirst, slot: 2 }),
      aTask({
        spec: stopFirst,
        slot: 2,
        attempt: 2,
        node: 2,
        status: { state: 'preparing', prepared: true, ready: false },
      }),
    ],
    summary: 'node 1 (node-1:7946) is draining, takes no tasks, with 2 tasks',
    reasons: [
      'a user drains it; `gantry node activate 1` lets it take tasks again',
      'web.1.1 goes on until web.1.2 is prepared, and stops before that one starts; web.1.2 is preparing on node 2',
      'web.2.1 goes on while too few of web serve, or what web depends on does not; web.2.2 is preparing on node 2',
    ],
  },
  {
    name: 'one that is empty',
    node: { availability: 'drain' },
    summary: 'node 1 (node-1:7946) is ready, takes no tasks, with no task',
    reasons: [
      'it is drained; `gantry node rm 1` takes it out of the cluster, `gantry node activate 1` lets it take tasks again',
    ],
  },
  {
    name: 'one that is away with a task that must never run twice',
    node: { status: 'unreachable' },
    tasks: [aTask({ spec: aService({ exclusive: true }) })],
    summary: 'node 1 (node-1:7946) is unreachable, takes tasks, with 1 task',
    reasons: [
      'its agent is not connected; start it, or give it up with `gantry node rm 1` or `gantry node replace 1`',
      'web.1.1 may still run there, and nowhere else meanwhile; once the machine is off, `gantry node fence 1 --confirm-dead` says so',
    ],
  },
  {
    name: 'one that waits for another machine',
    node: { status: 'unreachable', machineId: null, reserved: true },
    summary: 'node 1 (node-1:7946) is unreachable, takes tasks, with no task',
    reasons: ['it waits for a machine: the next one that joins becomes node 1'],
  },
  {
    name: 'one whose engine is silent and that users have set',
    node: {
      runtimes: [{ kind: 'docker', available: false, version: '', message: 'no socket', unsupported: {} }],
      settings: { placement: null, publicAddress: '192.0.2.7', zone: null, labels: { disk: 'ssd' } },
    },
    summary: 'node 1 (node-1:7946) is ready, takes tasks, with no task',
    reasons: [
      'its runtime docker does not answer: no socket',
      'users set its public address, zone, label disk; that wins over the options of its agent; `gantry node set 1 --reset public-address` takes that back',
    ],
  },
])('a node is explained: $name', ({ node, tasks = [], summary, reasons }) => {
  const explained = explainNode(aNode(node), tasks, [])
  expect(explained).toEqual({ object: 'node/1', summary, reasons, events: [] })
})
