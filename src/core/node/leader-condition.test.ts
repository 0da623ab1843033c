import { expect, test } from 'vitest'
import { leaderConditions, leaderOf } from './leader-condition.ts'

const leadership = { epoch: 2, holder: 's3', address: null, since: 5 }

test('while a server leads there is nothing to say, and it is the leader', () => {
  const conditions = leaderConditions(leadership, true)
  expect(conditions).toEqual([])
  expect(leaderOf({ leadership, conditions })).toBe(leadership)
})

test('while none does nobody leads, and the last one is named as that', () => {
  const conditions = leaderConditions(leadership, false)
  expect(conditions).toMatchObject([{ severity: 'failure', message: expect.stringContaining('s3 was the last to') }])
  expect(leaderOf({ leadership, conditions })).toBeNull()
})
