import { expect, test } from 'vitest'
import type { DiscoveryOptions } from '../main/discovery.ts'
import type { LinkOptions } from '../main/node-process.ts'
import { linkOfFile, serversByNodes } from './servers-by-nodes.ts'

function searching(change: Partial<DiscoveryOptions>): DiscoveryOptions {
  return { clusterName: 'c', secret: null, nodes: {}, bindAddress: null, port: null, ...change }
}

function linkAt(advertise: string, port: number): LinkOptions {
  return { host: '0.0.0.0', port, advertise, discovery: null }
}

test('servers that each name the others have the same list in the same order', () => {
  const lists = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((own, i, all) => {
    const others = all.flatMap((host, j) => (j === i ? [] : [[`node${j + 1}`, `${host}:7946`]]))
    return serversByNodes(searching({ nodes: Object.fromEntries(others) }), linkAt(own, 7947)).seeds
  })
  for (const list of lists) expect(list).toEqual(['10.0.0.1:7947', '10.0.0.2:7947', '10.0.0.3:7947'])
})

test('a server that names itself too is in the list once', () => {
  const nodes = { a: '10.0.0.1:7950', b: '10.0.0.1:7952' }
  expect(serversByNodes(searching({ nodes, port: 7950 }), linkAt('10.0.0.1', 7951)).seeds).toEqual([
    '10.0.0.1:7951',
    '10.0.0.1:7953',
  ])
})

test('a link where the others do not look is refused, with the one where they do', () => {
  expect(() => serversByNodes(searching({ nodes: { a: '10.0.0.2:7946' } }), linkAt('10.0.0.1', 7000))).toThrow(
    'port 7947',
  )
  expect(() => serversByNodes(searching({ nodes: { a: '10.0.0.2:7946' }, port: 8000 }), null)).toThrow('port 8001')
})

test('the file says where the link is when it names an address', () => {
  expect(linkOfFile(searching({ bindAddress: '10.0.0.1' }))).toBe('10.0.0.1:7947')
  expect(linkOfFile(searching({ bindAddress: '127.0.0.2', port: 8000 }))).toBe('127.0.0.2:8001')
  expect(linkOfFile(searching({ bindAddress: '0.0.0.0' }))).toBeUndefined()
  expect(linkOfFile(searching({}))).toBeUndefined()
})
