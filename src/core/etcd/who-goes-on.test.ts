import { expect, test } from 'vitest'
import type { ServerView } from '../model/view.ts'
import { whyOthersStandStill } from './who-goes-on.ts'

const server = (address: string, change: Partial<ServerView> = {}): ServerView => ({
  ...{ name: address, address, id: address, isVoting: true, leads: false, alive: true, version: '3.5.16' },
  ...change,
})

test('the others go on without a server as long as most of them answer, also where nobody else is left', () => {
  expect(whyOthersStandStill([server('a'), server('b'), server('c')], 'b')).toBeNull()
  expect(whyOthersStandStill([server('a'), server('b')], 'b')).toBeNull()
  expect(whyOthersStandStill([server('b')], 'b')).toBeNull()
  expect(whyOthersStandStill([], 'b')).toBeNull()
})

test('with another one down already they stand still', () => {
  const servers = [server('a'), server('b'), server('c', { alive: false })]
  expect(whyOthersStandStill(servers, 'b')).toBe('1 of the 2 servers that are left would answer, and 2 are needed')
  expect(whyOthersStandStill(servers, 'c')).toBeNull()
})

test('who only learns does not count', () => {
  const servers = [server('a', { alive: false }), server('b'), server('c', { isVoting: false })]
  expect(whyOthersStandStill(servers, 'b')).toBe('0 of the 1 servers that are left would answer, and 1 are needed')
})
