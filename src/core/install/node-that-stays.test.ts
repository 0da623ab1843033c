import { expect, test } from 'vitest'
import { OperationalError } from '../errors.ts'
import { nodeThatStays } from './node-that-stays.ts'

test('of a node that no server heard of leaving it is said how to remove it', () => {
  const error = new OperationalError('UNAVAILABLE', 'cannot join at 10.0.0.1:7947: connection refused')
  expect(nodeThatStays(3, error)).toBe(
    'node 3 in the cluster: cannot join at 10.0.0.1:7947: connection refused; `gantry node rm 3 --force` on a server removes it',
  )
})

test('nobody is told to remove a node whose number may be another machine’s by now', () => {
  const told = nodeThatStays(3, new OperationalError('FORBIDDEN', 'another machine stands for node 3, and stays'))
  expect(told).toContain('another machine stands for node 3')
  expect(told).not.toContain('node rm')
})
