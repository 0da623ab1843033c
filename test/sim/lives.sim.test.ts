import { expect, test } from 'vitest'
import { createRng } from '../../src/lib/rng.ts'
import { FAULT_CLASSES } from './faults.ts'
import { type LifeOutcome, live } from './life.ts'
import { drawProfile, type Shape } from './profile.ts'
import { CLUSTER_REGRESSIONS, MEMORY_REGRESSIONS, REGRESSIONS } from './regressions.ts'

const SMALL_LIVES = 280
const CLUSTER_LIVES = 60
const MEMORY_LIVES = 40

async function outcomeOf(rngSeed: number, shape: Shape): Promise<LifeOutcome> {
  const outcome = await live({ rngSeed, shape })
  if (outcome.failure === null) return outcome
  const { message, trace } = outcome.failure
  throw new Error(
    [
      `life ${rngSeed}: ${message}`,
      `npm run sim -- --seed ${rngSeed} --shape ${shape} --verbose`,
      ...trace.slice(-30),
    ].join('\n'),
  )
}

test.each(REGRESSIONS)('life %i keeps every promise again: %s', async (rngSeed) => {
  await outcomeOf(rngSeed, 'small')
})

test.each(CLUSTER_REGRESSIONS)('cluster %i keeps every promise again: %s', async (rngSeed) => {
  await outcomeOf(rngSeed, 'cluster')
})

test.each(MEMORY_REGRESSIONS)('memory %i keeps every promise again: %s', async (rngSeed) => {
  await outcomeOf(rngSeed, 'memory')
})

test('many lives keep every promise, come to rest, and meet every kind of fault', async () => {
  const struck = new Set<string>()
  for (let rngSeed = 1; rngSeed <= SMALL_LIVES + CLUSTER_LIVES + MEMORY_LIVES; rngSeed++) {
    const shape = rngSeed <= SMALL_LIVES ? 'small' : rngSeed <= SMALL_LIVES + CLUSTER_LIVES ? 'cluster' : 'memory'
    const { faults } = await outcomeOf(rngSeed, shape)
    for (const fault of faults.keys()) struck.add(fault)
  }
  expect(FAULT_CLASSES.filter((fault) => !struck.has(fault))).toEqual([])
})

test.each([7, 8, 9, 50])('life %i goes the same way every time', async (rngSeed) => {
  const [first, second] = [await live({ rngSeed }), await live({ rngSeed })]
  expect(second.hash).toBe(first.hash)
  expect(first.events).toBeGreaterThan(100)
})

test('lives of different numbers go different ways', async () => {
  const hashes = new Set<string>()
  for (let rngSeed = 1; rngSeed <= 10; rngSeed++) hashes.add((await live({ rngSeed })).hash)
  expect(hashes.size).toBe(10)
})

test('every number of servers from 1 to 7 and of agents from 1 to 20 occurs', () => {
  const drawn = Array.from({ length: 1_000 }, (_, i) => drawProfile(createRng(i).split('profile'), 'cluster'))
  const occurring = (numbers: number[]): number[] => [...new Set(numbers)].sort((a, b) => a - b)
  expect(occurring(drawn.map(({ servers }) => servers))).toEqual([1, 2, 3, 4, 5, 6, 7])
  expect(occurring(drawn.map(({ nodes }) => nodes))).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
})

test.each([3, 24])('memory %i goes the same way every time', async (rngSeed) => {
  const [first, second] = [await live({ rngSeed, shape: 'memory' }), await live({ rngSeed, shape: 'memory' })]
  expect(second.hash).toBe(first.hash)
  expect(first.events).toBeGreaterThan(100)
})

test.each([8, 21])('cluster %i goes the same way every time', async (rngSeed) => {
  const [first, second] = [await live({ rngSeed, shape: 'cluster' }), await live({ rngSeed, shape: 'cluster' })]
  expect(second.hash).toBe(first.hash)
})
