import { expect, test } from 'vitest'
import { cpuQuota } from './cpu-quota.ts'

const SHORTEST_QUOTA_US = 1_000
const LONGEST_PERIOD_US = 1_000_000

test('from a hundredth of a core on, the period is the usual one', () => {
  expect(cpuQuota(10)).toEqual({ periodUs: 100_000, quotaUs: 1_000 })
  expect(cpuQuota(1_500)).toEqual({ periodUs: 100_000, quotaUs: 150_000 })
})

test('every share is one that the kernel takes, and never more than was asked for', () => {
  for (let cpuMillis = 1; cpuMillis <= 2_000; cpuMillis++) {
    const { periodUs, quotaUs } = cpuQuota(cpuMillis)
    expect(quotaUs).toBeGreaterThanOrEqual(SHORTEST_QUOTA_US)
    expect(periodUs).toBeLessThanOrEqual(LONGEST_PERIOD_US)
    expect(Number.isInteger(periodUs) && Number.isInteger(quotaUs)).toBe(true)
    expect((quotaUs / periodUs) * 1000).toBeLessThanOrEqual(cpuMillis)
    expect((quotaUs / periodUs) * 1000).toBeGreaterThan(cpuMillis * 0.99)
  }
})
