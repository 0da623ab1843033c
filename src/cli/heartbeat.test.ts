import { expect, test } from 'vitest'
import { heartbeat } from './heartbeat.ts'

test.each([
  ['250ms', 250],
  ['2s', 2_000],
  ['10s', 10_000],
])('a heartbeat of %s is %d ms', (text, ms) => {
  expect(heartbeat(text)).toBe(ms)
})

test.each(['', 'often', '249ms', '11s', '-1s'])('"%s" is no heartbeat', (text) => {
  expect(() => heartbeat(text)).toThrow(`${text} is no heartbeat`)
})
