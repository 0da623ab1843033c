import { expect, test } from 'vitest'
import { readNamedNodes } from './named-nodes.ts'

test('nodes are named with host names and IPv4 addresses', () => {
  expect(readNamedNodes({ a: '10.0.0.1:7946', b: 'node-2.example:7947' })).toEqual([
    { name: 'a', host: '10.0.0.1', port: 7946 },
    { name: 'b', host: 'node-2.example', port: 7947 },
  ])
  expect(readNamedNodes({})).toEqual([])
})

test('all addresses of nodes that make no sense are told at once', () => {
  const wrong = { a: '10.0.0.1', b: 'x:0', c: 'x:65536', d: '[::1]:7946', e: 'x:7946', f: ':7946', g: '-x:1' }
  const problemsOf = (): unknown => {
    try {
      return readNamedNodes(wrong)
    } catch (error) {
      return error
    }
  }
  expect(problemsOf()).toMatchObject({
    code: 'CONFIG_INVALID',
    problems: ['a', 'b', 'c', 'd', 'f', 'g'].map((name) => ({ path: `nodes.${name}` })),
  })
})
