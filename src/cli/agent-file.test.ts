import { hostname } from 'node:os'
import { expect, test } from 'vitest'
import { agentFileOf, NO_FILE } from './agent-file.ts'

const { discovery: NO_DISCOVERY } = NO_FILE
test.each([
  { it: 'nothing', sections: {}, sets: {} },
  {
    it: 'a name and an address',
    sections: { cluster_name: 'a', listen_addr: ':9000' },
    sets: { clusterName: 'a', listen: ':9000' },
  },
  { it: 'the old name of the address', sections: { listen_address: ':9000' }, sets: { listen: ':9000' } },
  {
    it: 'the same in the section of the cluster',
    sections: { cluster: { name: 'b', web_address: '127.0.0.1:8081' } },
    sets: { clusterName: 'b', listen: '127.0.0.1:8081' },
  },
  {
    it: 'a port of discovery',
    sections: { cluster: { discovery_port: 7001 } },
    sets: { nodeName: `${hostname()}:7001`, discovery: { ...NO_DISCOVERY, port: 7001 } },
  },
  {
    it: 'nodes to ask, and from where',
    sections: { nodes: { a: 'b:1' }, cluster: { bind_address: '10.0.0.1' } },
    sets: { discovery: { nodes: { a: 'b:1' }, bindAddress: '10.0.0.1', port: null } },
  },
  {
    it: 'what `gantry install` wrote of a node',
    sections: { node: { role: 'agent', servers: ['10.0.0.1'], labels: { disk: 'ssd' } } },
    sets: { node: { role: 'agent', servers: ['10.0.0.1'], labels: { disk: 'ssd' } } },
  },
  {
    it: 'how its agents are watched over',
    sections: { cluster: { failure_detection: 'fast', heartbeat: '500ms' } },
    sets: { failureDetection: 'fast', heartbeatMs: 500 },
  },
  { it: 'a data directory', sections: { data_dir: './d' }, sets: { dataDir: './d' } },
  {
    it: 'a store',
    sections: { backend: { type: 'etcd', etcd_endpoints: ['a:1', 'b:2'], etcd_username: '', leader_ttl: 30 } },
    sets: {
      store: {
        type: { from: 'backend.type', isFlag: false, value: 'etcd' },
        etcd_endpoints: { from: 'backend.etcd_endpoints', isFlag: false, value: ['a:1', 'b:2'] },
        leader_ttl: { from: 'backend.leader_ttl', isFlag: false, value: '30' },
      },
    },
  },
])('an agent’s file sets $it', ({ sections, sets }) => {
  const warned: string[] = []
  expect(agentFileOf(sections, (line) => warned.push(line))).toEqual({ ...NO_FILE, ...sets })
  expect(warned).toEqual([])
})

test('what has no effect in this version is said, with the reason', () => {
  const warned: string[] = []
  agentFileOf({ env: 'prod', cluster: { enable_operator: true, name: 'x' } }, (line) => warned.push(line))
  expect(warned).toEqual([
    'env has no effect: Gantry behaves alike in every environment',
    'cluster.enable_operator has no effect: operators are not part of this version',
  ])
})

test('a heartbeat that would notice nothing in time is refused', () => {
  expect(() => agentFileOf({ cluster: { heartbeat: '1m' } }, () => undefined)).toThrow(
    'cannot use cluster.heartbeat: 1m is no heartbeat',
  )
})
