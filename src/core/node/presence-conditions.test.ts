import { expect, test } from 'vitest'
import { aNode } from '../../../test/builders.ts'
import { presenceConditions } from './presence-conditions.ts'

const gone = (id: number) => aNode({ id, name: `w${id}`, status: 'unreachable' })

test.each([
  [[aNode(), gone(2)], 'node 2 (w2) is unreachable'],
  [[gone(2), gone(3)], 'nodes 2 (w2) and 3 (w3) are unreachable'],
  [[2, 3, 4, 5, 6].map(gone), 'nodes 2 (w2), 3 (w3), 4 (w4) and 2 more are unreachable'],
])('people are told of nodes that are gone, and what to ask', (nodes, message) => {
  const hint = '`gantry explain node/2` says why, and what helps'
  expect(presenceConditions(nodes)).toEqual([{ kind: 'node unreachable', severity: 'warning', message, hint }])
})

test('nodes that are there, and those that wait for a machine, are nothing to tell', () => {
  expect(presenceConditions([aNode(), aNode({ id: 2, status: 'draining' }), { ...gone(3), reserved: true }])).toEqual(
    [],
  )
})
