import { expect, test } from 'vitest'
import { clockConditions } from './clock-conditions.ts'

const MINUTE = 60_000
const said = (aheadMs: number | null): readonly string[] =>
  clockConditions([{ id: 3, name: 'c' }], () => aheadMs).map(({ message }) => message)

test.each([
  [24 * 60 * MINUTE, 'the clock of node 3 (c) is 24 h ahead of the leader’s'],
  [-24 * 60 * MINUTE, 'the clock of node 3 (c) is 24 h behind the leader’s'],
  [3 * MINUTE, 'the clock of node 3 (c) is 3 min ahead of the leader’s'],
])('a clock that is %i ms off is told', (aheadMs, message) => {
  expect(said(aheadMs)).toEqual([message])
})

test('a clock that is off by a minute at most, or not known, is not told', () => {
  expect([0, MINUTE, -MINUTE, null].flatMap(said)).toEqual([])
})
