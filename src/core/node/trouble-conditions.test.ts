import { expect, test } from 'vitest'
import { troubleConditions } from './trouble-conditions.ts'

test('a node that can write nothing is named with why, and others are not', () => {
  const nodes = [
    { id: 1, name: 'a' },
    { id: 2, name: 'b' },
  ]
  const [condition, ...more] = troubleConditions(nodes, (id) => (id === 2 ? 'its disk is full' : null))
  expect(condition).toMatchObject({
    severity: 'warning',
    message: 'node 2 (b) takes in no changes, and tells none: its disk is full',
  })
  expect(more).toEqual([])
})
