import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { type MeasuredOn, measuredOn } from '../../bench/frame.ts'
import { createRng, type Rng } from '../../src/lib/rng.ts'
import { loseHost } from '../lab/contender.ts'
import { EngineEvents } from '../lab/engine-events.ts'
import { FAST, gantryContender } from '../lab/gantry-contender.ts'
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

const RESULT = 'test/long/results/lab.json'
const SCENARIO_HOSTS = 8
const LOSS_HOSTS = 5
const TRIALS = 30
const GOALS_MS = { agent: 10_000, leader: 10_000, 'agent, fast': 3_000 } as const
const LONGEST_SETTLE_MS = 5_000
/** What a trial takes at most on a machine that has something else to do. */
const TRIAL_MS = 60_000
const MINUTE = 60_000

interface Scenario {
  readonly name: string
  /** It is left out when less than this is left of the time. */
  readonly needsMs: number
  readonly run: (bed: WatchedCluster) => Promise<Verdict>
}

const SCENARIOS: readonly Scenario[] = [
  { name: 'leader killed', needsMs: MINUTE, run: leaderKilled },
  { name: 'leader paused for 20 s', needsMs: MINUTE, run: (bed) => leaderPaused(bed, 20_000) },
  { name: 'node cut off', needsMs: MINUTE, run: (bed) => nodeCutOff(bed, 'agent') },
  { name: 'leader cut off', needsMs: MINUTE, run: (bed) => nodeCutOff(bed, 'leader') },
  { name: 'node lost', needsMs: MINUTE, run: (bed) => nodeLost(bed, 'agent') },
  { name: 'machine of the leader lost', needsMs: MINUTE, run: (bed) => nodeLost(bed, 'leader') },
  { name: 'servers restarted in turn', needsMs: MINUTE, run: serversRolled },
  { name: 'store gone for 30 s', needsMs: 2 * MINUTE, run: (bed) => storeGone(bed, 30_000) },
  { name: 'servers gone for 5 minutes', needsMs: 6 * MINUTE, run: (bed) => serversGone(bed, 5 * MINUTE) },
  { name: 'starved for 10 minutes', needsMs: 12 * MINUTE, run: (bed) => starved(bed, 10 * MINUTE) },
]

/** Times in ms from the fault to the start of the last of 12 replacements, by whose machine was lost and how it is found out. */
type Losses = Record<keyof typeof GOALS_MS, number[]>

export interface LabResult extends MeasuredOn {
  readonly rngSeed: number
  readonly scenarios: Readonly<Record<string, Verdict>>
  /** Those for which there was no time. */
  readonly leftOut: readonly string[]
  readonly losses: Losses
}

/**
 * Faults of a cluster of three servers and five agents on real engines, the long forms among them; then machines that are lost,
 * 30 of agents and 30 of leaders, or as many as there is time for. Throws when a promise was broken or a loss took too long.
 */
export async function labCampaign(milliseconds: number, rngSeed: number, say: (line: string) => void): Promise<void> {
  const until = Date.now() + milliseconds
  const { scenarios, leftOut } = await runScenarios(until, say)
  const losses: Losses = { agent: [], leader: [], 'agent, fast': [] }
  try {
    await runLosses(losses, until, createRng(rngSeed), say)
  } finally {
    const result: LabResult = { ...measuredOn(), rngSeed, scenarios, leftOut, losses }
    mkdirSync(dirname(RESULT), { recursive: true })
    writeFileSync(RESULT, `${JSON.stringify(result, null, 2)}\n`)
  }
  const broken = Object.entries(scenarios).flatMap(([name, verdict]) =>
    verdict.broken.map((what) => `${name}: ${what}`),
  )
  for (const [who, goalMs] of Object.entries(GOALS_MS) as [keyof Losses, number][]) {
    const slow = losses[who].filter((ms) => ms > goalMs).length
    if (slow > 0) broken.push(`${slow} of ${losses[who].length} losses (${who}) took longer than ${goalMs / 1_000} s`)
  }
  if (broken.length > 0) throw new Error(broken.join('\n'))
}

async function runScenarios(
  until: number,
  say: (line: string) => void,
): Promise<Pick<LabResult, 'scenarios' | 'leftOut'>> {
  const scenarios: Record<string, Verdict> = {}
  const leftOut: string[] = []
  const lab = await Lab.start({ hosts: SCENARIO_HOSTS })
  try {
    const bed = await WatchedCluster.start(lab)
    for (const { name, needsMs, run } of SCENARIOS) {
      if (Date.now() + needsMs > until) {
        leftOut.push(name)
        continue
      }
      const verdict = await run(bed)
      scenarios[name] = verdict
      say(`${name}: ${verdict.broken.length === 0 ? 'every promise held' : 'BROKEN'} ${JSON.stringify(verdict)}`)
    }
    await bed.stop()
    return { scenarios, leftOut }
  } finally {
    await lab.stop()
  }
}

async function runLosses(losses: Losses, until: number, rng: Rng, say: (line: string) => void): Promise<void> {
  if (Date.now() + 2 * TRIAL_MS > until) return
  const lab = await Lab.start({ hosts: LOSS_HOSTS })
  try {
    const contender = await gantryContender(lab)
    const events = await EngineEvents.follow(lab.hosts)
    const lose = async (who: keyof Losses, trial: number): Promise<void> => {
      const victim = who === 'leader' ? await contender.leader() : lab.host(LOSS_HOSTS - (trial % 2))
      const { lastMs } = await loseHost(contender, events, victim, rng.below(LONGEST_SETTLE_MS))
      losses[who].push(Math.round(lastMs))
      say(`machine lost (${who}) ${trial + 1} of ${TRIALS}: ${losses[who].at(-1)} ms`)
    }
    const fastFrom = until - (until - Date.now()) / 3
    for (let trial = 0; trial < TRIALS && Date.now() + 2 * TRIAL_MS < fastFrom; trial++) {
      await lose('agent', trial)
      await lose('leader', trial)
    }
    await contender.retune(FAST)
    for (let trial = 0; trial < TRIALS && Date.now() + TRIAL_MS < until; trial++) await lose('agent, fast', trial)
    await events.stop()
  } finally {
    await lab.stop()
  }
}
