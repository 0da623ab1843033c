import { expect, test } from 'vitest'
import { age } from './age.ts'

test.each([
  { seconds: 0, shown: '0s' },
  { seconds: 59.9, shown: '59s' },
  { seconds: 60, shown: '1m' },
  { seconds: 3_599, shown: '59m' },
  { seconds: 3_600, shown: '1h' },
  { seconds: 86_400, shown: '1d' },
  { seconds: -5, shown: '0s' },
])('$seconds seconds ago is $shown', ({ seconds, shown }) => {
  expect(age(1_000_000_000 - seconds * 1_000, 1_000_000_000)).toBe(shown)
})

test('what did not happen has no age', () => {
  expect(age(null, 5)).toBe('-')
})
