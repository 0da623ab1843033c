import { createRng } from '../../src/lib/rng.ts'
import { loseHost } from '../lab/contender.ts'
import { EngineEvents } from '../lab/engine-events.ts'
import { FAST, gantryContender } from '../lab/gantry-contender.ts'
import { Lab } from '../lab/lab.ts'
import { type LabPart, type Losses, requireKept, saveLabResult } from './lab-results.ts'

const HOSTS = 5
const TRIALS = 30
const LONGEST_SETTLE_MS = 5_000
/** What a trial takes at most on a machine that has something else to do. */
const TRIAL_MS = 60_000

/** Heartbeats of 5 s, and six more for all that follows. */
const RARE_GOAL_MS = 11_000

type Whose = 'agent' | 'leader'

interface Kind {
  readonly name: string
  readonly whose: Whose
  readonly goalMs: number
}

/** How the machines are watched, and what is lost in turn. */
interface Watch {
  readonly upArgs: readonly string[]
  readonly kinds: readonly Kind[]
}

const WATCHES = {
  'lab-losses': {
    upArgs: [],
    kinds: [
      { name: 'machine of an agent', whose: 'agent', goalMs: 10_000 },
      { name: 'machine of the leader', whose: 'leader', goalMs: 10_000 },
    ],
  },
  'lab-losses-fast': {
    upArgs: FAST,
    kinds: [{ name: 'machine of an agent, fast profile', whose: 'agent', goalMs: 3_000 }],
  },
  // As a cluster of 5,000 has it.
  'lab-losses-rare': {
    upArgs: ['--heartbeat', '5s'],
    kinds: [
      { name: 'machine of an agent, heartbeats of 5 s', whose: 'agent', goalMs: RARE_GOAL_MS },
      { name: 'machine of the leader, heartbeats of 5 s', whose: 'leader', goalMs: RARE_GOAL_MS },
    ],
  },
} as const satisfies Partial<Record<LabPart, Watch>>

/** Machines with 12 tasks lose power, 30 of each kind in turn, or as many as there is time for. Throws when one took too long. */
export async function labLosses(
  part: keyof typeof WATCHES,
  milliseconds: number,
  rngSeed: number,
  say: (line: string) => void,
): Promise<void> {
  const until = Date.now() + milliseconds
  const { upArgs, kinds }: Watch = WATCHES[part]
  const rng = createRng(rngSeed)
  const times = new Map<string, number[]>(kinds.map(({ name }) => [name, []]))
  const losses = (): Record<string, Losses> =>
    Object.fromEntries(kinds.map(({ name, goalMs }) => [name, { goalMs, ms: times.get(name) ?? [] }]))
  const lab = await Lab.start({ hosts: HOSTS })
  try {
    const contender = await gantryContender(lab, upArgs)
    const events = await EngineEvents.follow(lab.hosts)
    for (let trial = 0; trial < TRIALS; trial++) {
      for (const { name, whose } of kinds) {
        if (Date.now() + TRIAL_MS > until) break
        const victim = whose === 'leader' ? await contender.leader() : lab.host(HOSTS - (trial % 2))
        const { lastMs } = await loseHost(contender, events, victim, rng.below(LONGEST_SETTLE_MS))
        times.get(name)?.push(Math.round(lastMs))
        say(`${name} lost, ${trial + 1} of ${TRIALS}: ${Math.round(lastMs)} ms`)
      }
    }
    await events.stop()
  } finally {
    const leftOut = kinds.flatMap(({ name }) => {
      const missing = TRIALS - (times.get(name)?.length ?? 0)
      return missing === 0 ? [] : [`${missing} of ${name}`]
    })
    for (const what of leftOut) say(`left out for want of time: ${what}`)
    if ([...times.values()].some(({ length }) => length > 0))
      saveLabResult(part, { rngSeed, scenarios: {}, losses: losses(), leftOut })
    await lab.stop()
  }
  requireKept({ scenarios: {}, losses: losses() })
}
