import { expect, test } from 'vitest'
import { JoinAttempts } from './join-attempts.ts'

test('five failed attempts block their address, and sixty from many addresses everybody, for a minute', () => {
  let time = 0
  const attempts = new JoinAttempts(() => time)
  for (let n = 0; n < 5; n++) attempts.record('10.0.0.1')
  expect(attempts.blockedFor('10.0.0.1')).toBe(60_000)
  expect(attempts.blockedFor('10.0.0.2')).toBe(0)
  for (let n = 0; n < 54; n++) attempts.record(`10.0.1.${n}`)
  expect(attempts.blockedFor('10.0.0.2')).toBe(0)
  time = 10_000
  attempts.record('10.0.2.1')
  expect(attempts.blockedFor('10.0.0.2')).toBe(50_000)
  time = 60_000
  expect(attempts.blockedFor('10.0.0.2')).toBe(0)
})
