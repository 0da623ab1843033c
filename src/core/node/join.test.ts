import { expect, test } from 'vitest'
import { aNode } from '../../../test/builders.ts'
import type { Hello } from '../model/message.ts'
import { type DismissedMachine, NO_SETTINGS, type Node } from '../model/node.ts'
import { joinedNode, judgeJoin, statusWhenThere, withOwnName } from './join.ts'

const sentAway = (because: DismissedMachine['because'], id = 2): DismissedMachine => ({
  machineId: 'old',
  node: aNode({ id }),
  because,
  by: 'ann',
  at: 0,
})
const hello: Hello = {
  ...{ kind: 'hello', level: 1, nodeId: null, machineId: 'new', name: 'new:7946', hostname: 'new' },
  ...{
    placement: 'edge',
    address: null,
    publicAddress: '192.0.2.7',
    labels: { disk: 'ssd', rack: 'a' },
    version: '2',
    authority: null,
  },
  ...{ capacity: aNode().capacity, runtimes: [] },
}

test.each<{
  name: string
  says?: Partial<Hello>
  certified?: number
  barred?: string
  nodes?: Node[]
  dismissed?: DismissedMachine
  isPutBack?: boolean
  is: string
}>([
  { name: 'the first machine is node 1', is: 'node 1' },
  { name: 'a new machine gets the smallest free id', nodes: [aNode(), aNode({ id: 3 })], is: 'node 2' },
  { name: 'the id of a removed node is free', nodes: [aNode({ id: 2 })], is: 'node 1' },
  {
    name: 'a machine is the node that it is known as, whatever id it remembers',
    says: { nodeId: 5 },
    nodes: [aNode({ id: 5 }), aNode({ id: 2, machineId: 'new' })],
    is: 'node 2',
  },
  {
    name: 'a machine that lost its state is the node of its name',
    nodes: [aNode(), aNode({ id: 4, name: 'new:7946' })],
    is: 'node 4',
  },
  {
    name: 'a new machine takes the place of one that is to be replaced',
    nodes: [aNode(), aNode({ id: 3, machineId: null, reserved: true })],
    is: 'node 3',
  },
  {
    name: 'a machine that lost its state does not take the place of another one',
    nodes: [aNode({ id: 4, name: 'new:7946' }), aNode({ id: 3, machineId: null, reserved: true })],
    is: 'node 4',
  },
  { name: 'a machine that the cluster has forgotten keeps its id if it is free', says: { nodeId: 7 }, is: 'node 7' },
  {
    name: 'a machine that was let in is the node of its certificate',
    certified: 3,
    nodes: [aNode({ id: 3, machineId: null })],
    is: 'node 3',
  },
  {
    name: 'a place that was given to a machine is not taken by another one',
    nodes: [aNode({ id: 1, machineId: null })],
    is: 'node 2',
  },
  {
    name: 'a machine that lost its state and has its certificate is the node that it was',
    certified: 3,
    nodes: [aNode({ id: 3 })],
    is: 'node 3',
  },
  {
    name: 'a certificate of a node that has another machine by now is good for nothing',
    certified: 2,
    nodes: [aNode({ id: 2 })],
    dismissed: sentAway('replaced'),
    is: 'refuse: node 2 is another machine, node-2; to join as a new node, remove agent.json and identity from its data directory and start it with a new join token',
  },
  {
    name: 'a certificate of a node that is not in the cluster is good for nothing',
    certified: 2,
    is: 'refuse: there is no node 2 in this cluster; to join as a new node, remove agent.json and identity from its data directory and start it with a new join token',
  },
  {
    name: 'a removed machine is sent away',
    says: { nodeId: 2, machineId: 'old' },
    nodes: [aNode()],
    dismissed: sentAway('removed'),
    is: 'dismissed: node 2 (node-2:7946) was removed from this cluster by ann; to join as a new node, stop its agent, remove agent.json from its data directory and start it again',
  },
  {
    name: 'a replaced machine is sent away, whoever has its id now',
    says: { nodeId: 2, machineId: 'old' },
    nodes: [aNode({ id: 2 })],
    dismissed: sentAway('replaced'),
    is: 'dismissed: node 2 (node-2:7946) was replaced by another machine by ann; to join as a new node, stop its agent, remove agent.json from its data directory and start it again',
  },
  {
    name: 'a removed machine that had a certificate is told how it joins again',
    says: { nodeId: 2, machineId: 'old' },
    ...{ certified: 2, barred: 'it was revoked', nodes: [aNode({ id: 2 })], dismissed: sentAway('replaced') },
    is: 'dismissed: node 2 (node-2:7946) was replaced by another machine by ann; to join as a new node, remove agent.json and identity from its data directory and start it with a new join token',
  },
  {
    name: 'a certificate that is not believed any more opens nothing',
    ...{ certified: 2, barred: 'it was revoked', nodes: [aNode({ id: 2, machineId: null })] },
    is: 'refuse: it was revoked; to join as a new node, remove agent.json and identity from its data directory and start it with a new join token',
  },
  {
    name: 'a certificate that is not believed any more does not even open its own node',
    ...{ certified: 2, barred: 'it was revoked', nodes: [aNode({ id: 2, machineId: 'new' })] },
    is: 'renew: this machine is node 2; it needs a certificate that says so',
  },
  {
    name: 'a machine that became another node needs the certificate of that',
    ...{ certified: 5, nodes: [aNode({ id: 2, machineId: 'new' })] },
    is: 'renew: this machine is node 2; it needs a certificate that says so',
  },
  {
    name: 'an id that is another machine is refused',
    says: { nodeId: 2, machineId: 'copy' },
    nodes: [aNode({ id: 2 })],
    is: 'refuse: node 2 is another machine, node-2; to join as a new node, stop its agent, remove agent.json from its data directory and start it again',
  },
  {
    name: 'a machine that was let in after the backup is the node of its certificate again',
    ...{ certified: 2, isPutBack: true, nodes: [aNode()] },
    is: 'node 2',
  },
  {
    name: 'a machine that took the place of a dead one after the backup takes it again',
    ...{ certified: 2, isPutBack: true, nodes: [aNode(), aNode({ id: 2, machineId: null, reserved: true })] },
    is: 'node 2',
  },
  {
    name: 'a machine that got a number after the backup which is that of another one there is a new node',
    ...{ certified: 2, isPutBack: true, nodes: [aNode(), aNode({ id: 2 })] },
    is: 'node 3',
  },
  {
    name: 'a machine whose number was given to another one that has not come yet is a new node',
    ...{ certified: 2, isPutBack: true, nodes: [aNode(), aNode({ id: 2, machineId: null })] },
    is: 'node 3',
  },
  {
    name: 'a machine of this process whose number is another one in the backup is a new node',
    ...{ says: { nodeId: 2 }, isPutBack: true, nodes: [aNode(), aNode({ id: 2 })] },
    is: 'node 3',
  },
  {
    name: 'a machine that renewed its certificate after the backup is the node that it was',
    ...{ certified: 2, isPutBack: true, nodes: [aNode(), aNode({ id: 2, machineId: 'new' })] },
    is: 'node 2',
  },
])('$name', ({ says = {}, certified, barred = null, nodes = [], dismissed, isPutBack = false, is }) => {
  const who = certified === undefined ? null : { nodeId: certified, barred, isNewer: isPutBack }
  const verdict = judgeJoin({ ...hello, ...says }, who, nodes, dismissed === undefined ? [] : [dismissed], isPutBack)
  expect(verdict.kind === 'welcome' ? `node ${verdict.node}` : `${verdict.kind}: ${verdict.message}`).toBe(is)
})

test('the options of the agent are the first values of a node', () => {
  expect(joinedNode(hello, 2, null, 'ready', 9)).toMatchObject({
    ...{ id: 2, machineId: 'new', placement: 'edge', publicAddress: '192.0.2.7', availability: 'active', joinedAt: 9 },
    labels: { disk: 'ssd', rack: 'a' },
  })
})

test('what users set of a node outlives what its agent says, and the rest follows the agent', () => {
  const settings = { placement: 'core', publicAddress: null, labels: { rack: null, size: 'big' } }
  const present = aNode({ id: 2, settings, availability: 'pause', region: 'eu', zone: 'a', joinedAt: 3 })
  expect(joinedNode(hello, 2, present, 'ready', 9)).toMatchObject({
    ...{ placement: 'core', publicAddress: '192.0.2.7', availability: 'pause', region: 'eu', zone: 'a', joinedAt: 3 },
    ...{ labels: { disk: 'ssd', size: 'big' }, settings, hostname: 'new', version: '2' },
  })
})

test.each([
  ['active', true, 'ready'],
  ['pause', true, 'ready'],
  ['drain', true, 'draining'],
  ['drain', false, 'ready'],
] as const)('a node that is to %s, tasks left: %s, is %s', (availability, busy, status) => {
  expect(statusWhenThere({ availability }, busy)).toBe(status)
})

test('region and zone are as the agent says, until a user sets one, be it to none', () => {
  const says = { ...hello, region: 'eu', zone: 'a' }
  expect(joinedNode(says, 1, null, 'ready', 0)).toMatchObject({ region: 'eu', zone: 'a' })
  const settings = { ...NO_SETTINGS, region: null }
  const present = aNode({ region: null, zone: 'b', settings })
  expect(joinedNode(says, 1, present, 'ready', 0)).toMatchObject({ region: null, zone: 'a' })
  // An agent of an older version says nothing of them.
  expect(joinedNode(hello, 1, aNode({ region: 'us' }), 'ready', 0)).toMatchObject({ region: 'us', zone: null })
  const none = { ...hello, region: null, zone: null }
  expect(joinedNode(none, 1, aNode({ region: 'us' }), 'ready', 0)).toMatchObject({ region: null, zone: null })
})

test('what an agent says is kept beside what users set', () => {
  const settings = { placement: 'core', publicAddress: '198.51.100.1', region: 'eu', zone: null, labels: {} }
  const present = aNode({ ...settings, labels: {}, settings })
  expect(joinedNode({ ...hello, region: null, zone: 'a' }, 1, present, 'ready', 0)).toMatchObject({
    ...{ placement: 'core', publicAddress: '198.51.100.1', region: 'eu', zone: null },
    said: { placement: 'edge', publicAddress: '192.0.2.7', region: null, zone: 'a' },
  })
})

test.each<{ name: string; nodes: Node[]; is: string }>([
  { name: 'a node is called what its agent says', nodes: [aNode({ id: 2, name: 'old' })], is: 'new:7946' },
  {
    name: 'a node keeps its name when its agent starts with that of another one',
    nodes: [aNode({ id: 1, name: 'new:7946' }), aNode({ id: 2, name: 'old' })],
    is: 'old',
  },
  {
    name: 'a node without a name of its own has its id in it',
    nodes: [aNode({ id: 1, name: 'new:7946' }), aNode({ id: 2, name: 'new:7946' })],
    is: 'new:7946-2',
  },
])('$name', ({ nodes, is }) => {
  const present = nodes.find(({ id }) => id === 2) ?? null
  expect(withOwnName(hello, 2, present, nodes).name).toBe(is)
})
