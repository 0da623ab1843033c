import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cell, columnOf } from './column.ts'
import { costPower, growth, type Strategy, scoreOf } from './strategy.ts'

test('the growth of the cost is that of the power', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (share) => {
      expect(growth(share)).toBeCloseTo(costPower(share) - 1, 4)
    }),
  )
})

test('a strategy that the types do not know is a fault of ours', () => {
  expect(() => scoreOf('dice' as Strategy)).toThrow('dice')
})

test('a position outside the fleet is a fault of ours', () => {
  expect(() =>
    cell(
      columnOf([1], (one) => one),
      1,
    ),
  ).toThrow('no node at position 1')
})
