import { join } from 'node:path'
import { OperationalError } from '../../src/core/errors.ts'
import type { TaskView } from '../../src/core/model/view.ts'
import { createRng, type Rng } from '../../src/lib/rng.ts'
import { type Client, createClient } from '../../src/transport/client.ts'
import { aGantry, type Gantry } from '../system/gantry.ts'

/** What runs on the machine, as the kernel or the engine tells: the truth that records are compared with. */
export interface Truth {
  /** Ids of the tasks whose program runs now, one entry for each program. */
  running(): Promise<readonly string[]>
  /** Ids of the tasks that own anything on the machine, running or not. */
  present(): Promise<readonly string[]>
}

export interface Victim {
  readonly name: string
  kill(): Promise<void>
  /** Brings it back. */
  restore(): Promise<void>
}

export interface Campaign {
  readonly name: string
  readonly env: NodeJS.ProcessEnv
  /** A manifest; each version differs so that every task is replaced. */
  readonly manifest: (version: number, replicas: number) => string
  readonly truth: (gantry: Gantry) => Promise<Truth>
  /** What may be killed beside Gantry itself. */
  readonly engine: Victim | null
}

export interface CampaignResult {
  readonly kills: number
  readonly misses: number
  readonly byVictim: Readonly<Record<string, number>>
}

/** An uninterrupted apply is measured so often before the first kill. */
const CALIBRATIONS = 2
const SETTLE_MS = 60_000

/**
 * Kills Gantry, its engine, or both at random moments of an apply, and checks after each: the same apply ends well, no
 * program runs twice or without a task, and nothing acknowledged was lost. A kill that fell outside the apply does not
 * count and is repeated; the number of tries is bounded.
 */
export async function killCampaign(
  campaign: Campaign,
  kills: number,
  rngSeed: number,
  say: (line: string) => void,
): Promise<CampaignResult> {
  const rng = createRng(rngSeed)
  await using gantry = await aGantry(campaign.env)
  await gantry.up()
  const truth = await campaign.truth(gantry)
  const client = createClient({ socketPath: join(gantry.dataDir, 'gantry.sock') })
  let version = 0
  let windowMs = 0
  for (let i = 0; i < CALIBRATIONS; i++) {
    const began = Date.now()
    await applyAndWait(client, campaign.manifest(++version, 3))
    windowMs = Math.max(windowMs, Date.now() - began)
  }
  const byVictim: Record<string, number> = {}
  let done = 0
  let misses = 0
  while (done < kills && misses < kills * 4 + 20) {
    const text = campaign.manifest(++version, 2 + rng.below(3))
    const victims = chooseVictims(campaign, gantry, rng)
    const hit = await killDuringApply(client, gantry, text, victims, rng.below(windowMs))
    for (const victim of victims) await victim.restore()
    await applyAndWait(client, text)
    await check(client, truth, text, campaign.name)
    if (!hit) {
      misses += 1
      continue
    }
    done += 1
    const name = victims.map((victim) => victim.name).join('+')
    byVictim[name] = (byVictim[name] ?? 0) + 1
    if (done % 10 === 0) say(`${campaign.name}: ${done} of ${kills} kills, ${misses} fell outside an apply`)
  }
  if (done < kills) throw new Error(`${campaign.name}: only ${done} of ${kills} kills fell into an apply`)
  return { kills: done, misses, byVictim }
}

function chooseVictims(campaign: Campaign, gantry: Gantry, rng: Rng): readonly Victim[] {
  const itself: Victim = {
    name: 'gantry',
    kill: async () => void (await gantry.end('SIGKILL')),
    restore: () => gantry.up(),
  }
  if (campaign.engine === null) return [itself]
  return rng.pick([[itself], [campaign.engine], [campaign.engine, itself]])
}

/** Sends an apply, kills at that moment, and tells whether the apply was under way then. */
async function killDuringApply(
  client: Client,
  gantry: Gantry,
  text: string,
  victims: readonly Victim[],
  momentMs: number,
): Promise<boolean> {
  let acknowledged: number | null = null
  const answer = client.apply({ kind: 'apply', text, file: null }, null).then(
    ({ revision }) => {
      acknowledged = revision
    },
    (error: unknown) => {
      // The server may have died before, while or after it answered.
      if (!(error instanceof OperationalError)) throw error
    },
  )
  await new Promise((resolve) => setTimeout(resolve, momentMs))
  const over = acknowledged !== null && (await client.progress(acknowledged)).revision.state !== 'progressing'
  await Promise.all(victims.map((victim) => victim.kill()))
  await answer
  if (acknowledged !== null) {
    if (gantry.process === null) await gantry.up()
    const kept = (await client.revisions()).some(({ number }) => number === acknowledged)
    if (!kept) throw new Error(`manifest revision ${acknowledged} was acknowledged and is lost`)
    if (victims.some((victim) => victim.name === 'gantry')) await gantry.end('SIGKILL')
  }
  return !over
}

async function applyAndWait(client: Client, text: string): Promise<void> {
  const { revision } = await client.apply({ kind: 'apply', text, file: null }, null)
  const number = revision ?? (await client.cluster()).desiredRevision
  const deadline = Date.now() + SETTLE_MS
  for (;;) {
    const { state, message } = (await client.progress(number)).revision
    if (state === 'applied') return
    if (state !== 'progressing' || Date.now() > deadline) {
      throw new Error(
        `manifest ${number} is ${state}: ${message}\n${JSON.stringify(await client.tasks({ service: null, all: true }), null, 1)}`,
      )
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** In quiescence every program has its task and every task its program, once. */
async function check(client: Client, truth: Truth, text: string, name: string): Promise<void> {
  const deadline = Date.now() + SETTLE_MS
  for (;;) {
    const tasks = await client.tasks({ service: null, all: true })
    const wrong = await differences(tasks, truth)
    if (wrong === null) return
    if (Date.now() > deadline)
      throw new Error(`${name}: ${wrong}\nafter applying\n${text}\n${JSON.stringify(tasks, null, 1)}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

async function differences(tasks: readonly TaskView[], truth: Truth): Promise<string | null> {
  const wanted = tasks.filter(({ state, desired }) => state === 'running' && desired === 'running').map(({ id }) => id)
  const running = await truth.running()
  if (JSON.stringify([...running].sort()) !== JSON.stringify(wanted.sort())) {
    return `these run: ${[...running].sort().join(' ')}; these should: ${wanted.join(' ')}`
  }
  const known = new Set(tasks.map(({ id }) => id))
  const orphans = (await truth.present()).filter((id) => !known.has(id))
  return orphans.length === 0 ? null : `these belong to no task: ${orphans.join(' ')}`
}
