import { hostname } from 'node:os'
import { expect, test } from 'vitest'
import { agentFileOf } from './agent-file.ts'

const NOTHING = { clusterName: null, listen: null, dataDir: null, nodeName: null }

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
    sets: { nodeName: `${hostname()}:7001` },
  },
  { it: 'a data directory', sections: { data_dir: './d' }, sets: { dataDir: './d' } },
])('an agent’s file sets $it', ({ sections, sets }) => {
  const warned: string[] = []
  expect(agentFileOf(sections, (line) => warned.push(line))).toEqual({ ...NOTHING, ...sets })
  expect(warned).toEqual([])
})

test('what has no effect in this version is said, with the reason', () => {
  const warned: string[] = []
  agentFileOf(
    { env: 'prod', cluster: { enable_operator: true, name: 'x' }, backend: { type: 'memory' }, nodes: { a: 'b:1' } },
    (line) => warned.push(line),
  )
  expect(warned).toEqual([
    'env has no effect: Gantry behaves alike in every environment',
    'nodes has no effect: in this version a cluster is one node',
    'cluster.enable_operator has no effect: operators are not part of this version',
    'backend has no effect: state is kept in SQLite in the data directory',
  ])
})

test.each([
  'etcd',
  'zookeeper',
])('a file that wants its state in %s is refused: it would silently be elsewhere', (type) => {
  expect(() => agentFileOf({ backend: { type } }, () => undefined)).toThrow(
    expect.objectContaining({ code: 'UNSUPPORTED', message: expect.stringContaining(type) }),
  )
})
