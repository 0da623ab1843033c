import type { BenchResult } from './frame.ts'
import { contend } from './frame.ts'
import { bareSqlite, sqliteCommits } from './store-load.ts'

/** Many writers to our store against one transaction per write on bare SQLite, at the same durability. */
export async function run(): Promise<BenchResult> {
  return contend({
    name: 'store',
    unit: 'commits/s',
    ours: () => sqliteCommits(64, 400),
    peer: () => bareSqlite(3_000),
    judge: (ratio, also) => ({
      met: ratio.median >= 10 && (also['p99 ms']?.median ?? Number.NaN) <= 5,
      goal: 'ten times as many commits per second, 99 % of them within 5 ms',
    }),
  })
}
