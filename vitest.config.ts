import { defineConfig } from 'vitest/config'

/** Only what hangs takes so long: a machine that is half as fast, and busy, is no reason to fail. */
const HUNG_MS = 360_000
/** Tests of the whole program wait more than they work: more of them at a time than there are cores. */
const SYSTEM_WORKERS = 4
const STORE_WORKERS = 2

export default defineConfig({
  test: {
    maxWorkers: '100%',
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'src/**/*.test.ts',
            'test/*.test.ts',
            'test/contract/**/*.test.ts',
            'test/protocol/**/*.test.ts',
            'test/lab/**/*.test.ts',
          ],
          exclude: ['test/lab/**/*.lab.test.ts'],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'sim',
          include: ['test/sim/**/*.sim.test.ts', 'test/sim/**/*.test.ts'],
          testTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'stores',
          include: ['test/stores/**/*.stores.test.ts'],
          testTimeout: HUNG_MS,
          hookTimeout: HUNG_MS,
          maxWorkers: STORE_WORKERS,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'net',
          include: ['test/net/**/*.net.test.ts'],
          testTimeout: HUNG_MS,
          hookTimeout: HUNG_MS,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'engine',
          include: ['test/engine/**/*.engine.test.ts'],
          globalSetup: ['test/engine/setup.ts'],
          testTimeout: HUNG_MS,
          hookTimeout: HUNG_MS,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/system/**/*.system.test.ts'],
          globalSetup: ['test/engine/setup.ts'],
          testTimeout: HUNG_MS,
          hookTimeout: HUNG_MS,
          maxWorkers: SYSTEM_WORKERS,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'lab',
          include: ['test/lab/**/*.lab.test.ts'],
          globalSetup: ['test/lab/setup.ts'],
          testTimeout: HUNG_MS,
          hookTimeout: HUNG_MS,
          fileParallelism: false,
        },
      },
    ],
  },
})
