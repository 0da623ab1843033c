import { expect, test } from 'vitest'
import { findCircles, formatCircle } from './cycles.ts'

test.each<[string, Readonly<Record<string, readonly string[]>>, readonly string[]]>([
  ['a chain', { a: ['b'], b: ['c'], c: [] }, []],
  ['two ways to one place', { a: ['b', 'c'], b: ['d'], c: ['d'], d: [] }, []],
  ['an arrow to nowhere', { a: ['z'] }, []],
  ['an arrow to itself', { a: ['a'] }, ['a → a']],
  ['a circle that is reached from outside', { x: ['a'], a: ['b'], b: ['a'] }, ['a → b → a']],
  ['two circles through one place', { a: ['b', 'c'], b: ['a'], c: ['a'] }, ['a → b → a', 'a → c → a']],
])('finds the circles of %s', (_, arrows, circles) => {
  expect(findCircles(new Map(Object.entries(arrows))).map(formatCircle)).toEqual(circles)
})

test('walks a chain of any length, and shows a long circle by its ends', () => {
  const names = Array.from({ length: 50_000 }, (_, i) => `n${i}`)
  const circle = findCircles(new Map(names.map((name, i) => [name, [names[(i + 1) % names.length] ?? '']])))
  expect(circle.map(formatCircle)).toEqual(['n0 → n1 → n2 → n3 → n4 → n5 → … → n49996 → n49997 → n49998 → n49999 → n0'])
})
