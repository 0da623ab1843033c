import { expect, test } from 'vitest'
import { failuresOverTime, loadReport } from './load-report.ts'

const good = (at: number, ms = 5) => ({ at, ms, status: 200 })
const bad = (at: number, status = 0) => ({ at, ms: 1000, status })

test('failures that follow each other are one failure, which ends with a success', () => {
  expect(loadReport([good(0), bad(30, 503), bad(20), good(40, 9), bad(50)])).toEqual({
    asked: 5,
    failed: 3,
    slowestMs: 9,
    failures: [
      { from: 20, until: 40 },
      { from: 50, until: 50 },
    ],
  })
})

test('no requests are no failures', () => {
  expect(loadReport([])).toEqual({ asked: 0, failed: 0, slowestMs: 0, failures: [] })
  expect(failuresOverTime([], 100)).toEqual([])
})

test('failures are counted by stretches of time, those without any too', () => {
  expect(failuresOverTime([good(1000), bad(1050), bad(1099), good(1250), bad(1310)], 100)).toEqual([2, 0, 0, 1])
})
