import { expect, test } from 'vitest'
import { FailedAttempts } from './failed-attempts.ts'

function failing() {
  let time = 0
  const failed = new FailedAttempts(() => time)
  return {
    failed,
    pass: (ms: number) => {
      time += ms
    },
    fail: (times: number) => {
      for (let n = 0; n < times; n++) failed.record('10.0.0.1')
    },
  }
}

test('five wrong tokens in a minute block their address, and no other, for a minute', () => {
  const { failed, pass, fail } = failing()
  fail(4)
  expect(failed.blockedFor('10.0.0.1')).toBe(0)
  fail(1)
  expect(failed.blockedFor('10.0.0.1')).toBe(60_000)
  expect(failed.blockedFor('10.0.0.2')).toBe(0)
  pass(60_000)
  expect(failed.blockedFor('10.0.0.1')).toBe(0)
})

test('each further block is twice as long, up to a quarter of an hour', () => {
  const { failed, pass, fail } = failing()
  const blocks = [1, 2, 3, 4, 5, 6].map(() => {
    fail(5)
    const block = failed.blockedFor('10.0.0.1')
    pass(block)
    return block / 60_000
  })
  expect(blocks).toEqual([1, 2, 4, 8, 15, 15])
})

test('wrong tokens that come slowly block nobody, and a quiet time forgives', () => {
  const { failed, pass, fail } = failing()
  for (let n = 0; n < 20; n++) {
    fail(1)
    pass(61_000)
  }
  expect(failed.blockedFor('10.0.0.1')).toBe(0)
  fail(5)
  pass(60_000 + 15 * 60_000 + 1)
  fail(5)
  expect(failed.blockedFor('10.0.0.1')).toBe(60_000)
})
