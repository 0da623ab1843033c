import { expect, test } from 'vitest'
import { OperationalError } from '../errors.ts'
import {
  challengeFault,
  exchangeContext,
  helloFault,
  parseClusterSecret,
  parseJoinSecret,
  proofFault,
  type SecretChallenge,
  type SecretHello,
} from './cluster-secret.ts'
import { formatJoinToken } from './join-token.ts'

const hello: SecretHello = { version: 1, role: 'agent', nonce: 'a'.repeat(64) }
const challenge: SecretChallenge = {
  clusterId: '0123456789abcdef',
  salt: 'b'.repeat(32),
  nonce: 'c'.repeat(64),
  share: 'd'.repeat(768),
}

test('a text of sixteen letters and digits is a cluster secret', () => {
  expect(parseJoinSecret('myVerySecretToken1\n')).toEqual({ kind: 'clusterSecret', secret: 'myVerySecretToken1' })
})

test('a join token is read as one, and a damaged one is never taken for a cluster secret', () => {
  const token = { role: 'agent' as const, authorityHash: 'a'.repeat(52), id: 'b'.repeat(10), secret: 'c'.repeat(32) }
  const text = formatJoinToken(token)
  expect(parseJoinSecret(text)).toEqual({ kind: 'token', token })
  for (let cut = 1; cut < text.length; cut++) expect(() => parseJoinSecret(text.slice(0, cut))).toThrow('cannot')
})

test.each([
  { secret: 'short', says: 'it has 5 characters' },
  { secret: '', says: 'it has 0 characters' },
  { secret: 'x'.repeat(257), says: 'more than 256' },
  { secret: 'with spaces in between', says: 'other than letters and digits' },
  { secret: 'hyphens-are-for-tokens', says: 'other than letters and digits' },
])('an unfit cluster secret is refused without showing it: $says', ({ secret, says }) => {
  try {
    parseClusterSecret(secret)
    expect.unreachable()
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error
    expect([error.code, error.message]).toEqual(['USAGE', expect.stringContaining(says)])
    if (secret !== '') expect(error.message).not.toContain(secret)
  }
})

test('sound messages of the exchange have no fault', () => {
  expect(helloFault(hello)).toBeNull()
  expect(challengeFault(challenge)).toBeNull()
  expect(proofFault({ share: challenge.share, proof: 'e'.repeat(64) })).toBeNull()
})

test.each([
  { fault: helloFault({ ...hello, version: 2 }), says: 'it speaks version 2 of the join exchange, this one 1' },
  { fault: helloFault({ ...hello, nonce: 'short' }), says: 'its nonce is malformed' },
  { fault: challengeFault({ ...challenge, share: 'D'.repeat(768) }), says: 'its share is malformed' },
  { fault: challengeFault({ ...challenge, clusterId: '' }), says: 'its clusterId is malformed' },
  { fault: challengeFault({ ...challenge, salt: '' }), says: 'its salt is malformed' },
  { fault: challengeFault({ ...challenge, nonce: '' }), says: 'its nonce is malformed' },
  { fault: proofFault({ share: challenge.share, proof: '' }), says: 'its proof is malformed' },
  { fault: proofFault({ share: '', proof: 'e'.repeat(64) }), says: 'its share is malformed' },
])('a message of another form is refused: $says', ({ fault, says }) => {
  expect(fault).toBe(says)
})

test('whatever the two ends saw differently makes another context', () => {
  const contexts = [
    exchangeContext(hello, challenge, 'channel'),
    exchangeContext(hello, challenge, 'another channel'),
    exchangeContext({ ...hello, role: 'server' }, challenge, 'channel'),
    exchangeContext({ ...hello, nonce: '0'.repeat(64) }, challenge, 'channel'),
    exchangeContext(hello, { ...challenge, nonce: '0'.repeat(64) }, 'channel'),
    exchangeContext(hello, { ...challenge, salt: '0'.repeat(32) }, 'channel'),
    exchangeContext(hello, { ...challenge, clusterId: '0'.repeat(16) }, 'channel'),
  ]
  expect(new Set(contexts).size).toBe(contexts.length)
})
