import { expect, test } from 'vitest'
import { searchPauseMs } from './search-pause.ts'

test('searches come at growing intervals, half a minute apart at most', () => {
  expect([0, 1, 2, 5, 6, 7, 2_000].map((round) => searchPauseMs(round, 0))).toEqual([
    500, 1_000, 2_000, 16_000, 30_000, 30_000, 30_000,
  ])
})

test('chance takes up to half of the pause between searches away', () => {
  expect([0.25, 0.5, 0.99].map((draw) => searchPauseMs(1, draw))).toEqual([875, 750, 505])
})
