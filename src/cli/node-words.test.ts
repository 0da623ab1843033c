import { InvalidArgumentError } from 'commander'
import { expect, test } from 'vitest'
import { addressWord, labelWord, nodeNameWord, placementWord, placeWord } from './node-words.ts'

test('what a node may be called and where it may be is taken as it is', () => {
  expect(nodeNameWord('s1:7946')).toBe('s1:7946')
  expect(placementWord('edge')).toBe('edge')
  expect(addressWord('10.0.0.3')).toBe('10.0.0.3')
  expect(placeWord('eu west')).toBe('eu west')
  expect(labelWord('disk=ssd', { rack: '7' })).toEqual({ rack: '7', disk: 'ssd' })
})

test.each([
  ['a name', () => nodeNameWord('a b')],
  ['no name', () => nodeNameWord('')],
  ['a placement', () => placementWord('bad name!')],
  ['an address', () => addressWord('not an address')],
  ['no region', () => placeWord('')],
  ['a label', () => labelWord('a b=c')],
])('%s that no cluster takes is refused before anything is done', (_, read) => {
  expect(read).toThrow(InvalidArgumentError)
})
