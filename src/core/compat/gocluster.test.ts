import { expect, test } from 'vitest'
import { aNode } from '../../../test/builders.ts'
import { EVENT_KINDS, type Event } from '../model/event.ts'
import type { Node } from '../model/node.ts'
import { VIGILANCES } from '../node/vigilance.ts'
import { viewSettings } from '../settings/settings.ts'
import { goclusterLogLine, goclusterLogs, isAboutNode, lastWordOf } from './gocluster-logs.ts'
import { goclusterMetrics } from './gocluster-metrics.ts'
import {
  type GoclusterView,
  goclusterConfig,
  goclusterLeader,
  goclusterNodes,
  goclusterPulse,
  goclusterStatus,
} from './gocluster-status.ts'

const HOUR = 3_600_000

function aView(nodes: readonly Node[], change: { holder?: string; self?: string; now?: number } = {}): GoclusterView {
  const { holder = 'node-1:7946', self = 'node-1:7946', now = 10 } = change
  return {
    view: {
      cluster: { id: '0123456789abcdef', name: 'blue', incarnation: 1, createdAt: 0 },
      leadership: { epoch: 3, holder, address: null, since: 5 },
      store: 'sqlite',
      storeRevision: 42,
      version: '0.1.0',
      desiredRevision: 1,
      servers: [],
      conditions: [],
      nodes: nodes.map((node) => ({ ...node, role: 'agent', tasks: 0 })),
    },
    self,
    now,
    lastSeenAt: ({ id, status }) => (status === 'unreachable' ? id : now),
    iso: (at) => `at ${at}`,
  }
}

const three = [
  aNode({ publicAddress: '10.0.0.1' }),
  aNode({ id: 2, status: 'unreachable', region: 'north' }),
  aNode({ id: 3, name: 'plain', status: 'draining' }),
]

test('a node has the words of both, the web page and the command line', () => {
  const { nodes, items, count } = goclusterNodes(aView(three))
  expect(nodes['node-1:7946']).toEqual({
    id: 'node-1:7946',
    hostname: 'node-1',
    address: '10.0.0.1:7946',
    port: 7946,
    status: 'running',
    state: 'leader',
    last_seen: 'at 10',
    is_leader: true,
    metadata: { hostname: 'node-1' },
  })
  expect(nodes['node-2:7946']).toMatchObject({
    address: 'node-2:7946',
    status: 'unreachable',
    state: 'offline',
    last_seen: 'at 2',
    metadata: { hostname: 'node-2', region: 'north' },
  })
  expect(nodes['plain']).toMatchObject({ address: 'node-3:7946', status: 'running', state: 'follower' })
  expect([items.map(({ id }) => id), count]).toEqual([['node-1:7946', 'node-2:7946', 'plain'], 3])
})

test('a node that was removed is no longer listed', () => {
  expect(goclusterNodes(aView([aNode({ status: 'removed' })]))).toEqual({ nodes: {}, items: [], count: 0 })
})

test('the status tells of the cluster, of this node and of the leader', () => {
  const status = goclusterStatus(aView(three, { self: 'plain' }))
  expect(status).toMatchObject({
    cluster_state: { leader: 'node-1:7946', last_updated: 'at 10', version: 42 },
    node_id: 'plain',
    is_leader: false,
    timestamp: 'at 10',
    cluster_name: 'blue',
    local_node: { id: 'plain' },
    leader: { id: 'node-1:7946' },
  })
  expect(Object.values(status.cluster_state.nodes)).toEqual(status.nodes)
  expect(goclusterStatus(aView(three)).is_leader).toBe(true)
})

test('the leader is told with its fields beside it, and without any when nobody leads', () => {
  expect(goclusterLeader(aView(three))).toMatchObject({
    leader_id: 'node-1:7946',
    leader_node: { id: 'node-1:7946', is_leader: true },
    is_leader: true,
    id: 'node-1:7946',
    hostname: 'node-1',
    address: '10.0.0.1:7946',
    port: 7946,
    last_seen: 'at 10',
  })
  expect(goclusterLeader(aView(three, { holder: '' }))).toEqual({ leader_id: '', leader_node: null, is_leader: false })
})

test('a pulse counts the nodes that run', () => {
  expect(goclusterPulse(aView(three))).toEqual({ timestamp: 'at 10', nodes: 3, running: 2, leader: 'node-1:7946' })
})

test('the configuration is told as names and values', () => {
  const settings = viewSettings(aView(three).view.cluster, { strategy: 'spread', vigilance: VIGILANCES.normal })
  expect(goclusterConfig(aView(three), settings)).toEqual({
    'cluster.name': 'blue',
    strategy: 'spread',
    'cluster.failure_detection': 'normal',
    'cluster.heartbeat': '2s',
    'cluster.id': '0123456789abcdef',
    'backend.type': 'sqlite',
    node: 'node-1:7946',
    version: '0.1.0',
  })
})

test('figures come from what was measured', () => {
  const now = 2 * HOUR
  const operation = (startedAt: number, ms: number | null, ok = true) => {
    return { startedAt, finishedAt: ms === null ? null : startedAt + ms, ok }
  }
  const operations = [
    operation(0, 100),
    operation(now - 3, 200),
    operation(now - 2, 300),
    operation(now - 1, 401, false),
    operation(now, null),
  ]
  expect(goclusterMetrics(aView(three, { now }), { count: 2, operations })).toEqual({
    cluster: { total_nodes: 3, running_nodes: 2, leader_node: 'node-1:7946', uptime: '1h59m59s' },
    operators: { total_count: 2, active: 1 },
    performance: { avg_response_time: '250ms', success_rate: 75, last_hour_ops: 4 },
  })
})

test.each([
  [0, '0s'],
  [59_999, '59s'],
  [60_005, '1m0s'],
  [HOUR + 61_005, '1h1m1s'],
])('without operations there is nothing to measure, and after %i ms the uptime is %s', (now, uptime) => {
  expect(goclusterMetrics(aView([], { now }), { count: 0, operations: [] })).toMatchObject({
    cluster: { uptime },
    performance: { avg_response_time: '0ms', success_rate: 100, last_hour_ops: 0 },
  })
})

test('events are lines of a log, the newest first, each with its level', () => {
  const events = EVENT_KINDS.map((kind, at) => ({
    id: String(at),
    kind,
    object: 'node/1',
    service: null,
    message: kind,
    by: 'control',
    at,
  }))
  const lines = goclusterLogs(events, (at) => `at ${at}`)
  expect(lines.at(-1)).toEqual({ level: 'INFO', message: 'cluster.created', timestamp: 'at 0', source: 'node/1' })
  const told = (level: string): readonly string[] =>
    lines.filter((line) => line.level === level).map((line) => line.message)
  expect(told('ERROR')).toEqual(['manifest.failed'])
  expect(told('WARN')).toEqual(['guard.blocked', 'task.restarted', 'task.unready', 'task.refused'])
})

test('what is about a node is told of it, and printed on one line', () => {
  const event = (change: Partial<Event>): Event => ({
    id: '1',
    kind: 'task.state',
    object: 'task/web.1.1',
    service: 'web',
    message: 'it runs',
    by: 'control',
    at: 5,
    ...change,
  })
  const about = (change: Partial<Event>): boolean => isAboutNode(event(change), aNode(), new Set(['web.1.1']))
  expect(about({})).toBe(true)
  expect(about({ object: 'task/web.2.1' })).toBe(false)
  expect(about({ object: 'task/web.2.1', by: 'agent 1' })).toBe(true)
  expect(about({ object: 'node/1' })).toBe(true)
  expect(about({ object: 'leader/self', kind: 'leader.elected', message: 'node-1:7946 leads' })).toBe(true)
  expect(about({ object: 'leader/self', kind: 'leader.elected', message: 'a-node-1:7946 leads' })).toBe(false)
  expect(about({ object: 'service/web' })).toBe(false)
  const [line] = goclusterLogs([event({})], (at) => `at ${at}`).map(goclusterLogLine)
  expect(line).toBe('at 5 INFO it runs (task/web.1.1)')
})

test('a node that is away was seen last when it said something or was missed, not when a user changed its record', () => {
  const event = (at: number, by: string, object = 'node/1'): Event => ({
    ...{ id: String(at), kind: 'node.changed', object, service: null, message: '', by, at },
  })
  const node = aNode({ id: 1, joinedAt: 2 })
  expect(lastWordOf(node, [event(5, 'agent 1'), event(7, 'ann'), event(8, 'agent 1', 'node/2')])).toBe(5)
  expect(lastWordOf(node, [event(5, 'agent 1'), event(6, 'control'), event(7, 'ann')])).toBe(6)
  expect(lastWordOf(node, [event(7, 'ann')])).toBe(2)
})
