import { expect, test } from 'vitest'
import { FAULT_CLASSES } from './faults.ts'
import { type LifeOutcome, live } from './life.ts'
import { REGRESSIONS } from './regressions.ts'

const LIVES = 400

async function outcomeOf(rngSeed: number): Promise<LifeOutcome> {
  const outcome = await live({ rngSeed })
  if (outcome.failure === null) return outcome
  const { message, trace } = outcome.failure
  throw new Error(
    [`life ${rngSeed}: ${message}`, `npm run sim -- --seed ${rngSeed} --verbose`, ...trace.slice(-30)].join('\n'),
  )
}

test.each(REGRESSIONS)('life %i keeps every promise again: %s', async (rngSeed) => {
  await outcomeOf(rngSeed)
})

test('many lives keep every promise, come to rest, and meet every kind of fault', async () => {
  const struck = new Set<string>()
  for (let rngSeed = 1; rngSeed <= LIVES; rngSeed++) {
    const { faults } = await outcomeOf(rngSeed)
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
