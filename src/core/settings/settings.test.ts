import { expect, test } from 'vitest'
import type { Cluster } from '../model/cluster.ts'
import { changeSetting, viewSettings } from './settings.ts'

const CLUSTER: Cluster = { id: '0123456789abcdef', name: 'blue', incarnation: 1, createdAt: 0 }

test('what nobody set is what the leader was started with', () => {
  const view = viewSettings(CLUSTER, { strategy: 'spread' })
  expect(view.map(({ key, value, isSet }) => [key, value, isSet])).toEqual([
    ['cluster.name', 'blue', true],
    ['strategy', 'spread', false],
  ])
})

test('a setting changes that alone', () => {
  const renamed = changeSetting(CLUSTER, 'cluster.name', 'green')
  expect(renamed).toEqual({ ...CLUSTER, name: 'green' })
  const changed = changeSetting(renamed, 'strategy', 'bin-pack')
  expect(changed).toEqual({ ...renamed, settings: { strategy: 'bin-pack' } })
  expect(viewSettings(changed, { strategy: 'spread' })[1]).toMatchObject({ value: 'bin-pack', isSet: true })
})

test.each([
  ['colour', 'blue', 'NOT_FOUND'],
  ['strategy', 'fastest', 'CONFIG_INVALID'],
  ['cluster.name', '-', 'CONFIG_INVALID'],
])('%s cannot become %s', (key, value, code) => {
  expect(() => changeSetting(CLUSTER, key, value)).toThrow(expect.objectContaining({ code }))
})
