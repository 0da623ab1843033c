import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { systemClock } from '../../src/drivers/clock.ts'
import { systemRng } from '../../src/drivers/rng.ts'
import { createRng, type Rng } from '../../src/lib/rng.ts'
import { openStore, type StoreOptions } from '../../src/main/open-store.ts'
import type { Snapshot } from '../../src/ports/store.ts'
import { judgeAcknowledged } from './judge-acknowledged.ts'

/** A store that can be killed. */
export interface StoreUnderFire {
  readonly name: string
  readonly options: StoreOptions
  /** null: it lives in the writer. */
  readonly server: { kill(): Promise<void>; restore(): Promise<void> } | null
  close(): Promise<void>
}

export interface StoreCampaignResult {
  /** Commits that the writer was told are written. */
  readonly acknowledged: number
  /** Commits that are there; those that nobody was told of are among them. */
  readonly revision: number
  readonly kills: Readonly<Record<string, number>>
  readonly seconds: number
}

const WRITES = 10_000
const KILLS = 30
const WRITERS = 16
const POLL_MS = 2
/** A store that is whole again answers long before that. */
const STALLED_MS = 90_000
const PROGRAM = join(process.cwd(), 'test/store/commit-to-file.ts')

/**
 * Kills the writer, the store's server, or both at random moments with signal 9 until 10,000 writes were acknowledged
 * and 30 kills are done. Then every acknowledged write must be there with its revision, and every revision must be one
 * whole commit. Throws when that is not so, and when the time is over before.
 */
export async function storeCampaign(
  fire: StoreUnderFire,
  rngSeed: number,
  milliseconds: number,
): Promise<StoreCampaignResult> {
  const rng = createRng(rngSeed)
  const directory = mkdtempSync(join(tmpdir(), 'gantry-store-campaign-'))
  const began = Date.now()
  const kills: Record<string, number> = {}
  const files: string[] = []
  let writer: Writer | null = null
  let acknowledged = 0
  try {
    for (let done = 0; acknowledged < WRITES || done < KILLS; done++) {
      if (Date.now() - began > milliseconds)
        throw new Error(`${fire.name}: ${acknowledged} writes when the time was over`)
      if (writer === null) {
        writer = new Writer(fire.options, join(directory, `${files.length}`), files.length)
        files.push(writer.file)
      }
      await writer.acknowledges(1 + rng.below((2 * WRITES) / KILLS))
      // Not in the step of what was just written.
      await pause(rng.below(20))
      const victims = chooseVictims(fire, rng)
      await Promise.all([
        victims.includes('writer') ? writer.kill() : null,
        victims.includes('server') ? fire.server?.kill() : null,
      ])
      if (victims.includes('writer')) writer = null
      if (victims.includes('server')) await fire.server?.restore()
      kills[victims] = (kills[victims] ?? 0) + 1
      acknowledged = files.reduce((sum, file) => sum + linesOf(file).length, 0)
    }
    await writer?.kill()
    const lines = files.flatMap(linesOf)
    const whole = await load(fire.options)
    judgeAcknowledged(fire.name, lines, whole)
    const seconds = Math.round((Date.now() - began) / 1_000)
    return { acknowledged: lines.length, revision: whole.revision, kills, seconds }
  } finally {
    await writer?.kill()
    rmSync(directory, { recursive: true })
  }
}

function chooseVictims(fire: StoreUnderFire, rng: Rng): 'writer' | 'server' | 'writer and server' {
  return fire.server === null ? 'writer' : rng.pick(['writer', 'server', 'writer and server'])
}

/** The process that writes, and the file of what it was told is written. */
class Writer {
  readonly file: string
  readonly #child: ChildProcess
  readonly #gone: Promise<unknown>

  constructor(options: StoreOptions, file: string, run: number) {
    this.file = file
    const args = [PROGRAM, JSON.stringify(options), file, `${run}`, `${WRITERS}`]
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] })
    this.#gone = once(this.#child, 'exit')
  }

  /** Resolves when so many more writes were acknowledged. */
  async acknowledges(count: number): Promise<void> {
    const wanted = linesOf(this.file).length + count
    for (const until = Date.now() + STALLED_MS; Date.now() < until; await pause(POLL_MS)) {
      if (this.#child.exitCode !== null) throw new Error(`the writer ended with ${this.#child.exitCode}`)
      // The shortest line has six bytes.
      if (existsSync(this.file) && statSync(this.file).size >= wanted * 6 && linesOf(this.file).length >= wanted) return
    }
    throw new Error(`nothing was acknowledged for ${STALLED_MS / 1_000} s`)
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#gone
  }
}

/** The last line may be cut off by the kill: its writer was not yet told. */
function linesOf(file: string): readonly string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []
}

async function load(options: StoreOptions): Promise<Snapshot> {
  const store = await openStore(options, { clock: systemClock(), rng: systemRng() })
  try {
    return await store.load()
  } finally {
    await store.close()
  }
}
