import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isBase32, toBase32 } from './base32.ts'

test.each([
  { text: '', is: '' },
  { text: 'f', is: 'my' },
  { text: 'fo', is: 'mzxq' },
  { text: 'foo', is: 'mzxw6' },
  { text: 'foob', is: 'mzxw6yq' },
  { text: 'fooba', is: 'mzxw6ytb' },
  { text: 'foobar', is: 'mzxw6ytboi' },
])('base32 of "$text" is that of RFC 4648', ({ text, is }) => {
  expect(toBase32(new TextEncoder().encode(text))).toBe(is)
})

test('base32 loses nothing: the bits of the text are those of the bytes, then zeros', () => {
  const bitsOf = (numbers: Iterable<number>, width: number) =>
    [...numbers].map((number) => number.toString(2).padStart(width, '0')).join('')
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const text = toBase32(bytes)
      expect(isBase32(text, Math.ceil((bytes.length * 8) / 5))).toBe(true)
      const fives = bitsOf(
        [...text].map((letter) => 'abcdefghijklmnopqrstuvwxyz234567'.indexOf(letter)),
        5,
      )
      expect(fives).toBe(bitsOf(bytes, 8).padEnd(fives.length, '0'))
    }),
  )
})

test.each([
  { text: 'abc', length: 4, why: 'too short' },
  { text: 'abcde', length: 4, why: 'too long' },
  { text: 'abc1', length: 4, why: 'a digit that is none of it' },
  { text: 'ABCD', length: 4, why: 'capital letters' },
])('no base32: $why', ({ text, length }) => {
  expect(isBase32(text, length)).toBe(false)
})
