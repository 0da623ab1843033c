import { loadavg } from 'node:os'
import { type Contender, crashReplica, loseHost, type Trial } from '../test/lab/contender.ts'
import { EngineEvents } from '../test/lab/engine-events.ts'
import { FAST, gantryContender } from '../test/lab/gantry-contender.ts'
import { Lab } from '../test/lab/lab.ts'
import { type BenchOptions, type BenchResult, contend, type Measured, type Spread } from './frame.ts'
import { swarmContender } from './swarm-contender.ts'

const HOSTS = 5
const GOAL_MS = 10_000
const FAST_GOAL_MS = 3_000
const CRASH_GOAL_MS = 500
/** Swarm asks its nodes about every 5 s. */
const LONGEST_SETTLE_MS = 5_000

/**
 * Gantry and Docker Swarm on the same five engines, both running all the time, three servers or managers each: a worker is
 * lost, the leader's machine is lost, a container crashes. From the fault to the start of the last replacement.
 */
export async function run({ rounds }: BenchOptions): Promise<readonly BenchResult[]> {
  const lab = await Lab.start({ hosts: HOSTS, liveRestore: false })
  try {
    const ours = await gantryContender(lab)
    const peer = await swarmContender(lab)
    const events = await EngineEvents.follow(lab.hosts)
    try {
      const bed = { ours, peer, events, rounds: rounds ?? undefined }
      const usual = [
        await compare(bed, 'failover-worker', workerLoss(events), GOAL_MS),
        await compare(bed, 'failover-leader', leaderLoss(events), GOAL_MS),
        await compare(bed, 'failover-crash', (one) => crashReplica(one, events), CRASH_GOAL_MS),
      ]
      await ours.retune(FAST)
      return [...usual, await compare(bed, 'failover-worker-fast', workerLoss(events), FAST_GOAL_MS)]
    } finally {
      await events.stop()
    }
  } finally {
    await lab.stop()
  }
}

interface Bed {
  readonly ours: Contender
  readonly peer: Contender
  readonly events: EngineEvents
  readonly rounds: number | undefined
}

type Fault = (contender: Contender, others: readonly Contender[]) => Promise<Trial>

async function compare({ ours, peer, rounds }: Bed, name: string, fault: Fault, goalMs: number): Promise<BenchResult> {
  const measured = async (one: Contender, other: Contender): Promise<Measured> => {
    const { lastMs, firstMs } = await fault(one, [other])
    process.stderr.write(`  ${name}: ${one.name} ${Math.round(lastMs)} ms\n`)
    return { value: lastMs, also: { 'first ms': firstMs, load: loadavg()[0] ?? 0 } }
  }
  return contend({
    name,
    unit: 'ms',
    ...(rounds === undefined ? {} : { rounds }),
    ours: () => measured(ours, peer),
    peer: () => measured(peer, ours),
    judge: (_ratio, _also, { high }: Spread) => ({
      met: high <= goalMs,
      goal: `the slowest of all rounds within ${goalMs / 1_000} s`,
    }),
  })
}

function leaderLoss(events: EngineEvents): Fault {
  return async (contender, others) => loseHost(contender, events, await contender.leader(), settleMs(), others)
}

/** The workers in turn. */
function workerLoss(events: EngineEvents): Fault {
  const turns = new Map<Contender, number>()
  return async (contender, others) => {
    const turn = turns.get(contender) ?? 0
    turns.set(contender, turn + 1)
    return loseHost(contender, events, contender.lab.host(HOSTS - (turn % 2)), settleMs(), others)
  }
}

function settleMs(): number {
  return Math.random() * LONGEST_SETTLE_MS
}
