import { expect, test } from 'vitest'
import { meansSomethingToOthers } from './address.ts'

test.each(['10.0.0.3', '192.168.7.1', 'fd00::3', '2001:db8::3'])('others may find a machine at %s', (address) => {
  expect(meansSomethingToOthers(address)).toBe(true)
})

test.each([
  '127.0.0.1',
  '::1',
  '::ffff:127.0.0.1',
  '169.254.3.4',
  'fe80::1%eth0',
  '',
])('nobody else finds a machine at "%s"', (address) => {
  expect(meansSomethingToOthers(address)).toBe(false)
})
