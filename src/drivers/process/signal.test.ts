import { expect, test } from 'vitest'
import { signalNumber } from './signal.ts'

test.each([
  ['SIGTERM', 15],
  ['TERM', 15],
  ['usr1', 10],
  ['9', 9],
])('signal %s has number %i', (name, number) => {
  expect(signalNumber(name)).toBe(number)
})

test.each(['SIGNOTHING', '', '0', '99', 'constructor'])('%j is no signal', (name) => {
  expect(() => signalNumber(name)).toThrow(/there is no signal/)
})
