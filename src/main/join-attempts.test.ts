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

test('few attempts wait for an answer at the same time, of one address and of all, until they have it', () => {
  const attempts = new JoinAttempts(() => 0)
  const first = Array.from({ length: 16 }, () => attempts.begin('10.0.0.1'))
  expect(first).not.toContain(null)
  expect(attempts.begin('10.0.0.1')).toBeNull()
  const others = Array.from({ length: 48 }, (_, n) => attempts.begin(`10.0.1.${n}`))
  expect(others).not.toContain(null)
  expect(attempts.begin('10.0.0.2')).toBeNull()
  first[0]?.()
  expect(attempts.begin('10.0.0.1')).not.toBeNull()
  expect(attempts.begin('10.0.0.2')).toBeNull()
  for (const end of others) end?.()
  expect(attempts.begin('10.0.0.2')).not.toBeNull()
})
