import type { NetworkInterfaceInfo } from 'node:os'
import { expect, test } from 'vitest'
import { localAddresses } from './interfaces.ts'

function ipv4(address: string, netmask: string): NetworkInterfaceInfo {
  return { address, netmask, family: 'IPv4', mac: '', internal: false, cidr: null }
}

const interfaces = {
  lo: [ipv4('127.0.0.1', '255.0.0.0')],
  lan: [
    ipv4('10.1.20.30', '255.255.240.0'),
    { ...ipv4('::1', ''), family: 'IPv6', scopeid: 0 } satisfies NetworkInterfaceInfo,
  ],
  tunnel: [ipv4('10.9.0.1', '255.255.255.255')],
  pair: [ipv4('10.8.0.0', '255.255.255.254')],
  none: undefined,
}

test('every IPv4 address is searched from, with the broadcast address of its network', () => {
  expect(localAddresses('0.0.0.0', interfaces)).toEqual([
    { address: '127.0.0.1', broadcast: '127.255.255.255' },
    { address: '10.1.20.30', broadcast: '10.1.31.255' },
    { address: '10.9.0.1', broadcast: null },
    { address: '10.8.0.0', broadcast: null },
  ])
})

test('of one bind address only that one is used, if it is there', () => {
  expect(localAddresses('10.1.20.30', interfaces)).toEqual([{ address: '10.1.20.30', broadcast: '10.1.31.255' }])
  expect(localAddresses('10.1.20.31', interfaces)).toEqual([])
})
