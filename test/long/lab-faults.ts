import { FAST } from '../lab/gantry-contender.ts'
import { Lab } from '../lab/lab.ts'
import {
  leaderKilled,
  leaderPaused,
  nodeCutOff,
  nodeLost,
  serversGone,
  serversRolled,
  storeGone,
} from '../lab/scenarios.ts'
import { starved } from '../lab/starvation.ts'
import { type Verdict, WatchedCluster } from '../lab/watched-cluster.ts'
import { requireKept, saveLabResult } from './lab-results.ts'

const HOSTS = 8
const MINUTE = 60_000

interface Scenario {
  readonly name: string
  /** It is left out when less than this is left of the time. */
  readonly needsMs: number
  readonly run: (bed: WatchedCluster) => Promise<Verdict>
}

const FAULTS: readonly Scenario[] = [
  { name: 'leader killed', needsMs: MINUTE, run: leaderKilled },
  { name: 'leader paused for 20 s', needsMs: MINUTE, run: (bed) => leaderPaused(bed, 20_000) },
  { name: 'node cut off', needsMs: MINUTE, run: (bed) => nodeCutOff(bed, 'agent') },
  { name: 'leader cut off', needsMs: MINUTE, run: (bed) => nodeCutOff(bed, 'leader') },
  { name: 'node lost', needsMs: MINUTE, run: (bed) => nodeLost(bed, 'agent') },
  { name: 'machine of the leader lost', needsMs: MINUTE, run: (bed) => nodeLost(bed, 'leader') },
  { name: 'servers restarted in turn', needsMs: MINUTE, run: serversRolled },
  { name: 'store gone for 30 s', needsMs: 2 * MINUTE, run: (bed) => storeGone(bed, 30_000) },
  { name: 'servers gone for 5 minutes', needsMs: 6 * MINUTE, run: (bed) => serversGone(bed, 5 * MINUTE) },
]

const STARVATION: readonly Scenario[] = [
  { name: 'starved for 10 minutes', needsMs: 12 * MINUTE, run: (bed) => starved(bed, 10 * MINUTE) },
  {
    name: 'starved for 10 minutes, fast profile',
    needsMs: 13 * MINUTE,
    run: async (bed) => {
      await bed.cluster.retune(FAST)
      return starved(bed, 10 * MINUTE)
    },
  },
]

/** Faults of a cluster of three servers and five agents on real engines, in their long forms. Throws when a promise was broken. */
export function labFaults(milliseconds: number, rngSeed: number, say: (line: string) => void): Promise<void> {
  return runScenarios('lab-faults', FAULTS, Date.now() + milliseconds, rngSeed, say)
}

/** The same cluster without processor time, as losses are found out by default and fast. Throws when a promise was broken. */
export function labStarved(milliseconds: number, rngSeed: number, say: (line: string) => void): Promise<void> {
  return runScenarios('lab-starved', STARVATION, Date.now() + milliseconds, rngSeed, say)
}

async function runScenarios(
  part: 'lab-faults' | 'lab-starved',
  all: readonly Scenario[],
  until: number,
  rngSeed: number,
  say: (line: string) => void,
): Promise<void> {
  const scenarios: Record<string, Verdict> = {}
  const leftOut: string[] = []
  const lab = await Lab.start({ hosts: HOSTS })
  try {
    const bed = await WatchedCluster.start(lab)
    for (const { name, needsMs, run } of all) {
      if (Date.now() + needsMs > until) {
        leftOut.push(name)
        say(`${name}: left out, it needs ${needsMs / MINUTE} minutes`)
        continue
      }
      const verdict = await run(bed)
      scenarios[name] = verdict
      say(`${name}: ${verdict.broken.length === 0 ? 'every promise held' : 'BROKEN'} ${JSON.stringify(verdict)}`)
    }
    await bed.stop()
  } finally {
    if (Object.keys(scenarios).length > 0) saveLabResult(part, { rngSeed, scenarios, losses: {}, leftOut })
    await lab.stop()
  }
  requireKept({ scenarios, losses: {} })
}
