import { expect, test } from 'vitest'
import { parseSeeds, type ServerEntry, standingOf } from './seeds.ts'

test.each([
  ['10.0.0.1', [['10.0.0.1', 7947]]],
  [
    '10.0.0.1, host2:8000',
    [
      ['10.0.0.1', 7947],
      ['host2', 8000],
    ],
  ],
  [
    '[fd00::1]:8000,fd00::2',
    [
      ['fd00::1', 8000],
      ['fd00::2', 7947],
    ],
  ],
] as const)('the list of servers %s names hosts and ports', (text, expected) => {
  expect(parseSeeds(text).map(({ host, port }) => [host, port])).toEqual(expected)
})

test.each([
  '',
  'a,,b',
  'a b',
  'a:0',
  'a:70000',
  'http://a',
  'a,a',
  'a,b,c,d,e,f,g,h',
])('the list of servers %j is refused', (text) => {
  expect(() => parseSeeds(text)).toThrow(expect.objectContaining({ code: 'USAGE' }))
})

const seeds: readonly ServerEntry[] = ['10.0.0.1', 'two', '10.0.0.3'].map((text, at) => ({
  ...{ text, host: text, port: 7947, addresses: [`10.0.0.${at + 1}`] },
}))

test('who stands in the list of servers is one, by its own address or its public one, and the others are agents', () => {
  const standing = (...own: string[]): unknown => standingOf(seeds, new Set(own), null)
  expect(standing('127.0.0.1', '10.0.0.2')).toEqual({ role: 'server', position: 1 })
  expect(standing('10.0.0.3')).toEqual({ role: 'server', position: 2 })
  expect(standing('10.0.0.4')).toEqual({ role: 'agent', position: null })
})

test('a machine that is told its role is that, and a server must stand in the list', () => {
  expect(standingOf(seeds, new Set(['10.0.0.1']), 'agent')).toEqual({ role: 'agent', position: null })
  expect(() => standingOf(seeds, new Set(['10.0.0.9']), 'server')).toThrow('none of --seeds is an address of it')
})
