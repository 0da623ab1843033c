import { expect, test } from 'vitest'
import { aNode, aService } from '../../../test/builders.ts'
import { demandOf } from './demand.ts'
import { chargeFleet, nodeAt } from './fleet.ts'
import { refusalSentence } from './refusal.ts'

test('a refusal without a reason is a fault of ours', () => {
  const fleet = chargeFleet([aNode()], [])
  expect(() => refusalSentence(fleet, [0], demandOf(aService(), fleet))).toThrow('node 1 was refused without a reason')
  expect(() => nodeAt(fleet, 1)).toThrow('no node at position 1')
})
