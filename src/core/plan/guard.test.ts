import { expect, test } from 'vitest'
import { guardRemovals } from './guard.ts'

test.each([
  { running: 0, unasked: 0, allowed: true },
  { running: 2, unasked: 3, allowed: true },
  { running: 4, unasked: 4, allowed: false },
  { running: 12, unasked: 4, allowed: false },
  { running: 16, unasked: 4, allowed: true },
  { running: 100, unasked: 25, allowed: true },
  { running: 100, unasked: 26, allowed: false },
])('$unasked of $running running tasks may go unasked: $allowed', ({ running, unasked, allowed }) => {
  expect(guardRemovals(running, unasked).allowed).toBe(allowed)
})

test('the guard says what it stopped and where its limit is', () => {
  expect(guardRemovals(100, 30).message).toBe(
    'would take down 30 of 100 running tasks that nobody asked to remove; at most 25 may go at once',
  )
  expect(guardRemovals(100, 1).message).toBe('')
})
