import { getDiffieHellman } from 'node:crypto'
import { expect, test } from 'vitest'
import { agreeOnKey } from './shared-key.ts'

const secret = Buffer.from('stretched')
const prime = BigInt(`0x${getDiffieHellman('modp15').getPrime('hex')}`)
const asShare = (element: bigint) => element.toString(16).padStart(768, '0')

test('two who know the same come to the same proofs', () => {
  const joiner = agreeOnKey('joiner', secret, 'context')
  const server = agreeOnKey('server', secret, 'context')
  const proofs = joiner.prove(server.share)
  expect(proofs).toEqual(server.prove(joiner.share))
  expect(proofs?.joiner).not.toBe(proofs?.server)
})

test.each([
  { what: 'the secret', stretched: Buffer.from('Stretched'), context: 'context' },
  { what: 'the context', stretched: secret, context: 'another context' },
  { what: 'where the one ends and the other begins', stretched: Buffer.from('stretchedc'), context: 'ontext' },
])('two who differ in $what come to different proofs', ({ stretched, context }) => {
  const joiner = agreeOnKey('joiner', secret, 'context')
  const server = agreeOnKey('server', stretched, context)
  const [ours, theirs] = [joiner.prove(server.share), server.prove(joiner.share)]
  expect([ours?.joiner, ours?.server]).not.toContain(theirs?.joiner)
  expect([ours?.joiner, ours?.server]).not.toContain(theirs?.server)
})

test('two of the same side do not come to the same proofs: nobody can be answered with his own words', () => {
  const [one, two] = [agreeOnKey('joiner', secret, 'c'), agreeOnKey('joiner', secret, 'c')]
  expect(one.prove(two.share)).not.toEqual(two.prove(one.share))
})

test('shares are never the same twice and never betray a residue', () => {
  const shares = Array.from({ length: 8 }, (_, i) => agreeOnKey('joiner', secret, `context ${i >> 1}`).share)
  expect(new Set(shares).size).toBe(8)
  for (const share of shares) expect(power(BigInt(`0x${share}`), (prime - 1n) / 2n)).toBe(1n)
})

test.each([
  { what: 'zero', share: asShare(0n) },
  { what: 'one', share: asShare(1n) },
  { what: 'minus one', share: asShare(prime - 1n) },
  { what: 'the prime', share: asShare(prime) },
  { what: 'one more than the prime', share: asShare(prime + 1n) },
  { what: 'a short text', share: 'ff' },
  { what: 'nothing', share: '' },
])('a share that is $what gives no proofs', ({ share }) => {
  expect(agreeOnKey('server', secret, 'context').prove(share)).toBeNull()
})

function power(base: bigint, exponent: bigint): bigint {
  let [result, square] = [1n, base]
  for (let left = exponent; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) result = (result * square) % prime
    square = (square * square) % prime
  }
  return result
}
