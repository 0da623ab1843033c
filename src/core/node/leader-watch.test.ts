import fc from 'fast-check'
import { expect, test } from 'vitest'
import { beginWatch, isLeaderLost, type KnockResult, type LeaderWatch, noteKnock } from './leader-watch.ts'

const RESULTS = ['open', 'refused', 'silent', 'deaf'] as const
const after = (...results: readonly KnockResult[]): LeaderWatch => results.reduce(noteKnock, beginWatch(7))

test.each<{ knocks: KnockResult[]; lost: boolean; byRefusal: boolean }>([
  { knocks: [], lost: false, byRefusal: false },
  { knocks: ['refused', 'refused', 'refused'], lost: false, byRefusal: false },
  { knocks: ['open', 'refused'], lost: false, byRefusal: false },
  { knocks: ['open', 'refused', 'refused'], lost: true, byRefusal: true },
  { knocks: ['open', 'refused', 'silent', 'refused'], lost: true, byRefusal: true },
  { knocks: ['open', 'refused', 'open', 'refused'], lost: false, byRefusal: false },
  { knocks: ['open', 'silent', 'silent'], lost: false, byRefusal: false },
  { knocks: ['open', 'silent', 'silent', 'silent'], lost: true, byRefusal: false },
  { knocks: ['open', 'silent', 'silent', 'deaf', 'silent'], lost: false, byRefusal: false },
])('after $knocks a leader is lost: $lost, and for one that was deposed: $byRefusal', ({ knocks, lost, byRefusal }) => {
  expect([isLeaderLost(after(...knocks), true), isLeaderLost(after(...knocks), false)]).toEqual([lost, byRefusal])
})

test('a leader that opens is not lost, whatever was before', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...RESULTS)), (knocks) => {
      expect(isLeaderLost(after(...knocks, 'open'), true)).toBe(false)
    }),
  )
})

test('who hears nobody believes in nobody’s loss', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...RESULTS)), (knocks) => {
      expect(isLeaderLost(after(...knocks, 'deaf'), true)).toBe(false)
    }),
  )
})
