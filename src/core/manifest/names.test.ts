import { expect, test } from 'vitest'
import { isIp, whyNoAddress, whyNoPlacementName, whyNoServiceName } from './names.ts'

test('a service name is a DNS label, with underscores', () => {
  for (const name of ['a', '1', 'web-1', 'My_App', 'x'.repeat(63)]) expect(whyNoServiceName(name)).toBe(null)
  for (const name of ['', '-a', '_a', 'a.b', 'a b', 'ä', 'x'.repeat(64), 'toString', 'a\n'])
    expect(whyNoServiceName(name)).not.toBe(null)
})

test('a placement name may begin with any of its letters', () => {
  for (const name of ['a', '_a', '-a']) expect(whyNoPlacementName(name)).toBe(null)
  for (const name of ['', 'a.b', 'x'.repeat(64), 'valueOf']) expect(whyNoPlacementName(name)).not.toBe(null)
})

test('addresses of both versions are told from other text', () => {
  const right = [
    '0.0.0.0',
    '255.255.255.255',
    '10.32.0.1',
    '::',
    '::1',
    'fe80::1',
    '1:2:3:4:5:6:7:8',
    '::ffff:1.2.3.4',
    '2001:db8::',
  ]
  const wrong = [
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '1.2.3.4.',
    'a',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '12345::',
    '1.2.3.4::',
  ]
  expect([right.filter((ip) => !isIp(ip)), wrong.filter(isIp)]).toEqual([[], []])
})

test('what a node is reached by is an IP address or a name', () => {
  const right = ['203.0.113.7', '::1', '2001:db8::7', 'web', 'web.example.com', 'w-1.example.com.']
  const wrong = ['', ' ', 'a b', 'a..b', '-a', 'a/b', 'a\n', 'x'.repeat(254)]
  expect([
    right.filter((text) => whyNoAddress(text) !== null),
    wrong.filter((text) => whyNoAddress(text) === null),
  ]).toEqual([[], []])
})
