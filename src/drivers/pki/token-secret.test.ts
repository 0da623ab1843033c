import { expect, test } from 'vitest'
import { parseJoinToken } from '../../core/identity/join-token.ts'
import { newClusterKey } from './seal.ts'
import { newJoinToken, tokenSecretMatches } from './token-secret.ts'

const clusterKey = newClusterKey()
const HASH = 'a'.repeat(52)
const HOUR_MS = 3_600_000
const agents = newJoinToken(clusterKey, HASH, { role: 'agent', createdBy: 'user', now: 1000 })

test('a new token of agents is good for a day and for any number of them', () => {
  const { secretHash, id, ...rest } = agents.record
  expect(rest).toEqual({
    role: 'agent',
    createdBy: 'user',
    createdAt: 1000,
    expiresAt: 1000 + 24 * HOUR_MS,
    usesLeft: null,
    revokedAt: null,
  })
  expect([secretHash, id]).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/), parseJoinToken(agents.text).id])
})

test('a new token of servers is good for an hour and once', () => {
  const { record } = newJoinToken(clusterKey, HASH, { role: 'server', createdBy: 'user', now: 0 })
  expect([record.expiresAt, record.usesLeft]).toEqual([HOUR_MS, 1])
})

test('life and uses of a token can be asked for', () => {
  const wish = { role: 'server', createdBy: 'user', now: 0, lifeMs: 5, uses: null } as const
  const { record } = newJoinToken(clusterKey, HASH, wish)
  expect([record.expiresAt, record.usesLeft]).toEqual([5, null])
})

test('the text of a token names the authority, and only the text has the secret', () => {
  const token = parseJoinToken(agents.text)
  expect(token.authorityHash).toBe(HASH)
  expect(JSON.stringify(agents.record)).not.toContain(token.secret)
})

test('no two tokens are alike', () => {
  const texts = Array.from(
    { length: 50 },
    () => newJoinToken(clusterKey, HASH, { role: 'agent', createdBy: 'u', now: 0 }).text,
  )
  expect(new Set(texts.map((text) => parseJoinToken(text).secret)).size).toBe(50)
  expect(new Set(texts.map((text) => parseJoinToken(text).id)).size).toBe(50)
})

test('the secret of a token matches its record, and no other secret does', () => {
  const { secret } = parseJoinToken(agents.text)
  expect(tokenSecretMatches(clusterKey, agents.record, secret)).toBe(true)
  expect(
    tokenSecretMatches(clusterKey, agents.record, `${secret.slice(0, -1)}${secret.endsWith('a') ? 'b' : 'a'}`),
  ).toBe(false)
  expect(tokenSecretMatches(clusterKey, agents.record, '')).toBe(false)
  expect(tokenSecretMatches(clusterKey, null, secret)).toBe(false)
})

test('a record that somebody without the cluster key made or changed matches no secret', () => {
  const { secret } = parseJoinToken(agents.text)
  const { record } = agents
  for (const changed of [
    { role: 'server' as const },
    { expiresAt: record.expiresAt + 1 },
    { id: 'other' },
    { secretHash: '' },
  ]) {
    expect(tokenSecretMatches(clusterKey, { ...record, ...changed }, secret)).toBe(false)
  }
  const foreign = newJoinToken(newClusterKey(), HASH, { role: 'agent', createdBy: 'user', now: 0 })
  expect(tokenSecretMatches(clusterKey, foreign.record, parseJoinToken(foreign.text).secret)).toBe(false)
})
