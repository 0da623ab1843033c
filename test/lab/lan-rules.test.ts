import { expect, test } from 'vitest'
import { lossRules, lostPackets } from './lan-rules.ts'

const EMPTY = [
  'add table bridge faults',
  'add chain bridge faults forward { type filter hook forward priority 0; policy accept; }',
  'flush chain bridge faults forward',
]

test('without losses the rules are emptied', () => {
  expect(lossRules([])).toBe(EMPTY.join('; '))
})

test('a loss names its ports and its share, and spares ARP', () => {
  const losses = [
    { from: 'p1', to: null, percent: 100 },
    { from: 'p1', to: 'p2', percent: 12.5 },
  ]
  expect(lossRules(losses)).toBe(
    [
      ...EMPTY,
      'add rule bridge faults forward ether type { ip, ip6 } iifname "p1" counter drop',
      'add rule bridge faults forward ether type { ip, ip6 } iifname "p1" oifname "p2" numgen random mod 10000 < 1250 counter drop',
    ].join('; '),
  )
})

test('lost packets are the sum of what each rule has dropped', () => {
  const rules = `iifname "p1" counter packets 7 bytes 420 drop
    oifname "p1" counter packets 12 bytes 900 drop`
  expect(lostPackets(rules)).toBe(19)
  expect(lostPackets('chain faults { }')).toBe(0)
})
