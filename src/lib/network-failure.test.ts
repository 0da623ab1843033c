import { expect, test } from 'vitest'
import { networkFailure, networkFailureIn } from './network-failure.ts'

test('a code is told in words, and one that is not known is not', () => {
  expect(networkFailure('EHOSTUNREACH')).toBe('host unreachable')
  expect(networkFailure('EWHATEVER')).toBeNull()
})

test('the code is found in what a library says', () => {
  const said = 'No connection established. Last error: Error: connect ECONNREFUSED 10.0.0.9:2379. Resolution note: '
  expect(networkFailureIn(said)).toBe('connection refused')
  expect(networkFailureIn('Error: it did not work')).toBeNull()
})
