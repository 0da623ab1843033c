import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { dockerCampaign } from './docker-campaign.ts'
import { type Campaign, killCampaign } from './kill-campaign.ts'
import { labFaults, labStarved } from './lab-faults.ts'
import { labLosses } from './lab-losses.ts'
import { processCampaign } from './process-campaign.ts'
import { storeCampaign } from './store-campaign.ts'
import { STORES_UNDER_FIRE } from './stores-under-fire.ts'

/**
 * The long campaigns: `npm run test:long -- [--minutes N] [--seed N] [--only NAME]`. Each takes its share of the time;
 * without `--seed` the slice follows from the clock, so every run covers other lives. `--only lab` is all whose
 * names begin so.
 */
const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '30' }, seed: { type: 'string' }, only: { type: 'string' } },
})
const minutes = Number(values.minutes)
const rngSeed = values.seed === undefined ? Math.floor(Date.now() / 60_000) : Number(values.seed)

interface Part {
  readonly name: string
  /** Share of the time. */
  readonly share: number
  run(milliseconds: number): Promise<void>
}

const LIVES_A_SECOND = 20

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

/** Kills in batches until the time is over; each batch begins with a new cluster. */
async function killsFor(
  open: () => Promise<{ campaign: Campaign; close: () => Promise<void> }>,
  milliseconds: number,
): Promise<void> {
  const until = Date.now() + milliseconds
  const { campaign, close } = await open()
  try {
    for (let batch = 0; Date.now() < until && batch < 1_000; batch++) {
      const { kills, misses, byVictim } = await killCampaign(campaign, 10, rngSeed + batch, say)
      say(
        `${campaign.name}: rngSeed ${rngSeed + batch}: ${kills} kills ${JSON.stringify(byVictim)}, ${misses} missed the apply: every promise held`,
      )
    }
  } finally {
    await close()
  }
}

/** Kills each store in turn, all from the same number. */
async function storesFor(milliseconds: number): Promise<void> {
  const until = Date.now() + milliseconds
  for (const [index, start] of STORES_UNDER_FIRE.entries()) {
    const fire = await start()
    try {
      // Quick ones leave their time to the others.
      const share = (until - Date.now()) / (STORES_UNDER_FIRE.length - index)
      const result = await storeCampaign(fire, rngSeed, share)
      const { acknowledged, revision, kills, seconds } = result
      say(
        `${fire.name}: rngSeed ${rngSeed}: ${acknowledged} writes acknowledged, none lost; ${revision} revisions, none missing or twice; kills ${JSON.stringify(kills)} in ${seconds} s`,
      )
    } finally {
      await fire.close()
    }
  }
}

/** Runs one of our own programs with the rest of the time as its bound. */
async function script(file: string, args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [join(process.cwd(), file), ...args], { stdio: 'inherit' })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`${file} ended with ${code}`)
}

const PARTS: readonly Part[] = [
  {
    name: 'lives',
    share: 0.28,
    run: (milliseconds) => {
      // Sized for a slow machine: a fast one is done earlier.
      const lives = Math.max(100, Math.floor((milliseconds / 1_000) * LIVES_A_SECOND))
      return script('test/sim/main.ts', ['--lives', String(lives), '--first', String(rngSeed * 100_000)])
    },
  },
  { name: 'seeded-bugs', share: 0.1, run: () => script('test/seeded-bugs/run.ts', []) },
  {
    name: 'processes',
    share: 0.15,
    run: (ms) => killsFor(async () => ({ campaign: processCampaign, close: async () => undefined }), ms),
  },
  { name: 'stores', share: 0.15, run: storesFor },
  { name: 'docker', share: 0.15, run: (ms) => killsFor(dockerCampaign, ms) },
  { name: 'lab-faults', share: 0.04, run: (ms) => labFaults(ms, rngSeed, say) },
  { name: 'lab-starved', share: 0.05, run: (ms) => labStarved(ms, rngSeed, say) },
  { name: 'lab-losses', share: 0.04, run: (ms) => labLosses('lab-losses', ms, rngSeed, say) },
  { name: 'lab-losses-fast', share: 0.02, run: (ms) => labLosses('lab-losses-fast', ms, rngSeed, say) },
  { name: 'lab-losses-rare', share: 0.02, run: (ms) => labLosses('lab-losses-rare', ms, rngSeed, say) },
]

let failed = 0
let passed = 0
const { only } = values
const isPart = PARTS.some(({ name }) => name === only)
const chosen = PARTS.filter(
  ({ name }) => only === undefined || name === only || (!isPart && name.startsWith(`${only}-`)),
)
const whole = only === undefined ? 1 : chosen.reduce((sum, { share }) => sum + share, 0)
for (const part of chosen) {
  const share = part.share / whole
  say(`${part.name}: ${Math.round(minutes * share)} minutes`)
  try {
    await part.run(minutes * share * 60_000)
    passed += 1
  } catch (error) {
    failed += 1
    say(`${part.name} failed: ${error instanceof Error ? error.stack : String(error)}`)
  }
}
say(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
