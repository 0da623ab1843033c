import { totalmem } from 'node:os'
import { expect, test } from 'vitest'
import { parseCpuLine, systemHost } from './host.ts'

test('the capacity of the machine is positive and no larger than the machine', async () => {
  const capacity = await systemHost({ dataDir: '/' }).capacity()
  expect(capacity.cpuMillis).toBeGreaterThanOrEqual(1_000)
  expect(capacity.memoryBytes).toBeGreaterThan(0)
  expect(capacity.memoryBytes).toBeLessThanOrEqual(totalmem())
  expect(capacity.diskBytes).toBeGreaterThan(0)
})

test('a data directory that does not exist yet has the disk of its parent', async () => {
  const here = await systemHost({ dataDir: '/' }).capacity()
  const later = await systemHost({ dataDir: '/not/yet/there' }).capacity()
  expect(later.diskBytes).toBe(here.diskBytes)
})

test('used and free are within the totals', async () => {
  const stats = await systemHost({ dataDir: '/' }).stats()
  expect(stats.memoryAvailableBytes).toBeGreaterThan(0)
  expect(stats.memoryAvailableBytes).toBeLessThanOrEqual(stats.memoryTotalBytes)
  expect(stats.diskFreeBytes).toBeLessThanOrEqual(stats.diskTotalBytes)
  expect(stats.cpuBusyMs).toBeGreaterThan(0)
  expect(stats.cpuBusyMs).toBeLessThanOrEqual(stats.cpuTotalMs)
})

test('waiting for a disk is not counted as busy', () => {
  const text = 'cpu  100 10 50 800 40 0 5 5 30 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n'
  expect(parseCpuLine(text)).toEqual({ busyMs: 1_700, totalMs: 10_100 })
})
