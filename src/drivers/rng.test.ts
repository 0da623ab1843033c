import { expect, test } from 'vitest'
import { systemRng } from './rng.ts'

test('two system generators draw different numbers', () => {
  const draw = (): number[] => {
    const rng = systemRng()
    return [rng.next(), rng.next(), rng.next()]
  }
  expect(draw()).not.toEqual(draw())
})
