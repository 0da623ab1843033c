import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ROLES, type Role } from '../model/identity.ts'
import { formatIdentity, judgePeer, parseIdentity, renewAt, validity } from './certificate-policy.ts'

const CLUSTER = '0123456789abcdef'
const HOUR_MS = 3_600_000
const anIdentity = fc.record({
  clusterId: fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 16, maxLength: 16 }),
  role: fc.constantFrom(...ROLES),
  nodeId: fc.integer({ min: 1, max: 999_999_999 }),
})

test('every identity is read as it was written', () => {
  fc.assert(
    fc.property(anIdentity, (identity) => {
      expect(parseIdentity(formatIdentity(identity))).toEqual(identity)
    }),
  )
})

test.each([
  '',
  `spiffe://${CLUSTER}/agent/0`,
  `spiffe://${CLUSTER}/agent/01`,
  `spiffe://${CLUSTER}/agent/1/`,
  `spiffe://${CLUSTER}/agent/1\n`,
  `spiffe://${CLUSTER}/admin/1`,
  `spiffe://${CLUSTER}0/agent/1`,
  `SPIFFE://${CLUSTER}/agent/1`,
  `https://${CLUSTER}/agent/1`,
])('%j is no identity', (uri) => {
  expect(parseIdentity(uri)).toBeNull()
})

test('certificates are renewed between half and four fifths of their life', () => {
  const draw = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  const life = fc.integer({ min: HOUR_MS, max: 1e11 })
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e13 }), life, draw, (notBefore, lifeMs, drawn) => {
      const at = (renewAt(notBefore, notBefore + lifeMs, drawn) - notBefore) / lifeMs
      expect(at).toBeGreaterThanOrEqual(0.4999)
      expect(at).toBeLessThanOrEqual(0.8)
    }),
  )
})

test('a later draw renews later', () => {
  expect([0, 0.5, 1].map((draw) => renewAt(0, 1000, draw))).toEqual([500, 650, 800])
})

test('a certificate is good from five minutes ago, in whole seconds', () => {
  expect(validity(1_000_000_999, HOUR_MS)).toEqual({ notBefore: 999_700_000, notAfter: 1_003_600_000 })
})

test('a life below an hour is refused', () => {
  expect(() => validity(0, HOUR_MS - 1)).toThrow('an hour is the least')
})

test.each<{ name: string; uri: string | null; serial?: string; expected?: Role | 'any'; is: string }>([
  { name: 'one of ours', uri: `spiffe://${CLUSTER}/agent/3`, is: 'ok' },
  { name: 'a server where any will do', uri: `spiffe://${CLUSTER}/server/3`, is: 'ok' },
  { name: 'no identity at all', uri: null, is: 'no identity' },
  { name: 'an identity of another form', uri: 'spiffe://example.org/web', is: 'no identity' },
  { name: 'another cluster', uri: 'spiffe://fedcba9876543210/agent/3', is: 'another cluster' },
  { name: 'a revoked certificate', uri: `spiffe://${CLUSTER}/agent/3`, serial: 'bad', is: 'revoked' },
  { name: 'an agent for a server', uri: `spiffe://${CLUSTER}/agent/3`, expected: 'server', is: 'wrong role' },
])('peer: $name', ({ uri, serial = 'good', expected = 'any', is }) => {
  const verdict = judgePeer(uri, CLUSTER, new Set(['bad']), serial, expected)
  expect(verdict.kind === 'refused' ? verdict.reason : verdict.kind).toBe(is)
})

test('a peer that is accepted is told apart by its identity', () => {
  expect(judgePeer(`spiffe://${CLUSTER}/agent/3`, CLUSTER, new Set(), 'x', 'agent')).toEqual({
    kind: 'ok',
    identity: { clusterId: CLUSTER, role: 'agent', nodeId: 3 },
  })
})
