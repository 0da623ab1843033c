import { expect, test } from 'vitest'
import type { IssuedCertificate, NodeCertificates } from '../model/identity.ts'
import { asksTooOften, judgeRenewal, RENEWAL_GRACE_MS, revocationsOf, withIssued } from './issued-certificates.ts'

const DAY = 24 * 3_600_000

function issued(number: number, issuedAt = 0): IssuedCertificate {
  return { serial: `s${number}`, keyHash: `k${number}`, authority: 'ca', issuedAt, notAfter: issuedAt + 7 * DAY }
}

const node = (...all: readonly IssuedCertificate[]): NodeCertificates => ({ nodeId: 2, role: 'agent', issued: all })

test('certificates are kept in mind for as long as their machine may come with them', () => {
  const { record, surplus } = withIssued(2, 'agent', node(issued(1), issued(2, 5 * DAY)), issued(3, 37 * DAY), 37 * DAY)
  expect(record.issued.map(({ serial }) => serial)).toEqual(['s2', 's3'])
  expect(surplus).toEqual([])
})

test('a node that is given ever more certificates loses the oldest', () => {
  const many = Array.from({ length: 16 }, (_, at) => issued(at + 1))
  const { record, surplus } = withIssued(2, 'agent', node(...many), issued(17), 1)
  expect(record.issued).toHaveLength(16)
  expect(surplus.map(({ serial }) => serial)).toEqual(['s1'])
})

test('ten certificates in a minute are more than anybody needs', () => {
  const ten = Array.from({ length: 10 }, (_, at) => issued(at, at * 1_000))
  expect(asksTooOften(node(...ten), 30_000)).toBe(true)
  expect(asksTooOften(node(...ten), 69_000)).toBe(false)
})

test('what a server with a wrong clock issued tomorrow is not taken for haste', () => {
  const ten = Array.from({ length: 10 }, (_, at) => issued(at, DAY))
  expect(asksTooOften(node(...ten), 30_000)).toBe(false)
})

test('only certificates that may still be good by somebody’s clock are revoked', () => {
  const revoked = revocationsOf(node(), [issued(1), issued(2, 3 * DAY)], 'it was removed', 9 * DAY)
  expect(revoked).toEqual([
    {
      ...{ serial: 's2', keyHash: 'k2', nodeId: 2, role: 'agent', because: 'it was removed' },
      ...{ revokedAt: 9 * DAY, notAfter: 10 * DAY },
    },
  ])
})

test('whoever has the key of a certificate gets another one, for a month after its end', () => {
  const at = (now: number) => judgeRenewal('k1', [node(issued(1))], [], now)
  expect(at(DAY)).toMatchObject({ kind: 'ok', node: { nodeId: 2 } })
  expect(at(7 * DAY + RENEWAL_GRACE_MS - 1)).toMatchObject({ kind: 'ok' })
  expect(at(7 * DAY + RENEWAL_GRACE_MS)).toEqual({
    kind: 'refused',
    message: expect.stringContaining('expired more than 30 days ago; start it with a new join token'),
  })
})

test('a key of nobody, and one whose certificate was revoked, get nothing', () => {
  const revoked = revocationsOf(node(), [issued(1)], 'node 2 (w) was removed', 0)
  expect(judgeRenewal('k9', [node(issued(2))], revoked, 0)).toMatchObject({
    message: expect.stringContaining('no node'),
  })
  expect(judgeRenewal('k1', [node(issued(2))], revoked, 0)).toMatchObject({
    message: 'its certificate was revoked: node 2 (w) was removed',
  })
})
