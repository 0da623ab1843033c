import { expect, test } from 'vitest'
import type { ManagedEtcdOptions } from '../open-store.ts'
import { flagsOfOwn, ownPlace } from './own-place.ts'

function among(...seeds: string[]): ManagedEtcdOptions {
  const times = { leaseTtlSeconds: 3, renewIntervalMs: null, requestTimeoutMs: null }
  const ports = { clientPort: 2379, peerPort: 12_380 }
  return { kind: 'managed-etcd', seeds, ...ports, program: 'etcd', namespace: 'gantry', ...times }
}

test.each([
  { seeds: ['192.0.2.1', '192.0.2.2'], known: '192.0.2.2', is: '192.0.2.2' },
  { seeds: ['192.0.2.1', '192.0.2.2:7000'], known: '192.0.2.2:7000', is: '192.0.2.2:7000' },
  { seeds: ['192.0.2.1', '192.0.2.2'], advertise: '192.0.2.1', known: '192.0.2.2', is: '192.0.2.1' },
  { seeds: ['127.0.0.2:1', '127.0.0.3:1'], is: '127.0.0.2:1' },
])('of $seeds this machine is $is', ({ seeds, advertise = null, known = null, is }) => {
  expect(ownPlace(among(...seeds), advertise, known).link).toBe(is)
})

test('a list without this machine is refused', () => {
  expect(() => ownPlace(among('192.0.2.1'), null, null)).toThrow('--seeds does not name this machine')
  expect(() => ownPlace(among('127.0.0.1'), '192.0.2.1', null)).toThrow('--seeds does not name this machine')
})

test('an address of no interface is not listened on, and what is not the default is said', () => {
  const place = ownPlace(among('192.0.2.1', '192.0.2.2'), '192.0.2.1', null)
  expect(place.listenHost).toBe('0.0.0.0')
  expect(flagsOfOwn(place)).toBe(
    '--link 192.0.2.1 --backend-type managed-etcd --seeds 192.0.2.1,192.0.2.2 --etcd-peer-port 12380',
  )
})
