import { expect, test } from 'vitest'
import { formatBytes, formatMillis, parseCpus, parseDuration, parseSize } from './units.ts'

test.each<[string | number, number | null]>([
  [1048576, 1048576],
  ['1048576', 1048576],
  ['512m', 512 * 1024 ** 2],
  ['512M', 512 * 1024 ** 2],
  ['512mb', 512 * 1024 ** 2],
  ['512MiB', 512 * 1024 ** 2],
  ['1.5g', 1.5 * 1024 ** 3],
  ['100b', 100],
  ['64 k', 65_536],
  ['2t', 2 * 1024 ** 4],
  ['', null],
  ['m', null],
  ['-1', null],
  ['1e3', null],
  ['100ib', null],
  ['512q', null],
  [-1, null],
  [1.5, null],
  ['99999999999t', null],
])('the size %j is %j bytes', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes)
})

test.each<[string | number, number | null]>([
  [1, 1000],
  [0.5, 500],
  ['0.5', 500],
  ['.25', 250],
  ['500m', 500],
  ['1.0005', 1001],
  ['m', null],
  ['0.5m', null],
  ['fast', null],
  [-1, null],
  [Number.NaN, null],
])('the processors %j are %j millicores', (text, millis) => {
  expect(parseCpus(text)).toBe(millis)
})

test.each<[string | number, number | null]>([
  [5, 5000],
  [0.25, 250],
  ['5', 5000],
  ['500ms', 500],
  ['10s', 10_000],
  ['1m30s', 90_000],
  ['1.5h', 5_400_000],
  ['', null],
  ['s', null],
  ['5 minutes', null],
  ['-5s', null],
])('the duration %j is %j milliseconds', (text, millis) => {
  expect(parseDuration(text)).toBe(millis)
})

test('amounts are printed in the unit that keeps them short', () => {
  expect([formatBytes(100), formatBytes(65_536), formatBytes(512 * 1024 ** 2), formatBytes(1.5 * 1024 ** 3)]).toEqual([
    '100 bytes',
    '64 KiB',
    '512 MiB',
    '1.5 GiB',
  ])
  expect([formatMillis(0), formatMillis(500), formatMillis(1500)]).toEqual(['0 s', '500 ms', '1.5 s'])
})
