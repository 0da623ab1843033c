import { expect, test } from 'vitest'
import type { Cluster } from '../model/cluster.ts'
import { VIGILANCES, vigilanceIn } from '../node/vigilance.ts'
import { changeSetting, viewSettings } from './settings.ts'

const STARTED = { strategy: 'spread', vigilance: VIGILANCES.normal } as const
const CLUSTER: Cluster = { id: '0123456789abcdef', name: 'blue', incarnation: 1, createdAt: 0 }

test('what nobody set is what the leader was started with', () => {
  const view = viewSettings(CLUSTER, STARTED)
  expect(view.map(({ key, value, isSet }) => [key, value, isSet])).toEqual([
    ['cluster.name', 'blue', true],
    ['strategy', 'spread', false],
    ['cluster.failure_detection', 'normal', false],
    ['cluster.heartbeat', '2s', false],
  ])
})

test('a setting changes that alone', () => {
  const renamed = changeSetting(CLUSTER, 'cluster.name', 'green')
  expect(renamed).toEqual({ ...CLUSTER, name: 'green' })
  const changed = changeSetting(renamed, 'strategy', 'bin-pack')
  expect(changed).toEqual({ ...renamed, settings: { strategy: 'bin-pack' } })
  expect(viewSettings(changed, STARTED)[1]).toMatchObject({ value: 'bin-pack', isSet: true })
})

test('another failure detection brings its own heartbeat, unless one is set, and until it is set no more', () => {
  const seen = (cluster: Cluster): string[] =>
    viewSettings(cluster, STARTED)
      .map(({ value, isSet }) => `${value}${isSet ? '' : ' by default'}`)
      .slice(2)
  const fast = changeSetting(CLUSTER, 'cluster.failure_detection', 'fast')
  expect(seen(fast)).toEqual(['fast', '250ms by default'])
  expect(vigilanceIn(fast.settings ?? {}, STARTED.vigilance)).toEqual(VIGILANCES.fast)
  const slow = changeSetting(fast, 'cluster.heartbeat', '1s')
  expect(seen(slow)).toEqual(['fast', '1s'])
  expect(vigilanceIn(slow.settings ?? {}, STARTED.vigilance)).toEqual({ ...VIGILANCES.fast, heartbeatMs: 1_000 })
  expect(changeSetting(slow, 'cluster.heartbeat', 'default')).toEqual(fast)
})

test.each([
  ['colour', 'blue', 'NOT_FOUND'],
  ['strategy', 'fastest', 'CONFIG_INVALID'],
  ['cluster.name', '-', 'CONFIG_INVALID'],
  ['cluster.failure_detection', 'eager', 'CONFIG_INVALID'],
  ['cluster.heartbeat', '11s', 'CONFIG_INVALID'],
  ['cluster.heartbeat', 'often', 'CONFIG_INVALID'],
])('%s cannot become %s', (key, value, code) => {
  expect(() => changeSetting(CLUSTER, key, value)).toThrow(expect.objectContaining({ code }))
})
