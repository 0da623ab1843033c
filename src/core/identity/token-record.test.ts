import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { JoinTokenRecord } from '../model/identity.ts'
import { judgeToken, useToken } from './token-record.ts'

const record: JoinTokenRecord = {
  id: 'abc',
  role: 'agent',
  secretHash: '00',
  createdBy: 'user',
  createdAt: 0,
  expiresAt: 100,
  usesLeft: null,
  revokedAt: null,
}

test.each<{ name: string; record: Partial<JoinTokenRecord> | null; matches?: boolean; now?: number; is: string }>([
  { name: 'a good token lets in', record: {}, is: 'ok' },
  { name: 'the last moment counts', record: {}, now: 99, is: 'ok' },
  { name: 'the last use counts', record: { usesLeft: 1 }, is: 'ok' },
  { name: 'an expired one does not', record: {}, now: 100, is: 'expired' },
  { name: 'a used one does not', record: { usesLeft: 0 }, is: 'used up' },
  { name: 'a revoked one does not', record: { revokedAt: 1 }, is: 'revoked' },
  { name: 'one for the other role does not', record: { role: 'server' }, is: 'wrong role' },
  { name: 'one that is not there is unknown', record: null, is: 'unknown' },
  { name: 'a wrong secret is unknown', record: {}, matches: false, is: 'unknown' },
  { name: 'a wrong secret learns nothing more', record: { revokedAt: 1, usesLeft: 0 }, matches: false, is: 'unknown' },
])('join token: $name', ({ record: given, matches = true, now = 50, is }) => {
  const verdict = judgeToken(given === null ? null : { ...record, ...given }, 'agent', matches, now)
  expect(verdict.kind === 'refused' ? verdict.reason : verdict.kind).toBe(is)
})

test('of an expired token both clocks are told', () => {
  const hour = 3_600_000
  const verdict = judgeToken({ ...record, expiresAt: 24 * hour }, 'agent', true, 49 * hour)
  expect(verdict).toMatchObject({
    message:
      "join token abc has expired: it was made 49 h ago by this server's clock, and is good for 24 h by that of the server that made it",
  })
})

test('a token lets in exactly as many machines as it says', () => {
  fc.assert(
    fc.property(fc.nat(20), (uses) => {
      let left: JoinTokenRecord = { ...record, usesLeft: uses }
      let admitted = 0
      while (judgeToken(left, 'agent', true, 50).kind === 'ok' && admitted < 50) {
        left = useToken(left)
        admitted++
      }
      expect(admitted).toBe(uses)
    }),
  )
})

test('a token without a limit stays as it is', () => {
  expect(useToken(record)).toEqual(record)
})
