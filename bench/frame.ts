import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem, type } from 'node:os'
import { join } from 'node:path'

/** Fewer rounds than this say little on a machine that is shared. */
const USUAL_ROUNDS = 7

/** What the command line asks of every bench. */
export interface BenchOptions {
  /** Those that watch for some time watch for longer. */
  readonly long: boolean
  /** null: as many as the bench thinks fit. */
  readonly rounds: number | null
}

/** What one side did in one round: the figure that is compared, and others that are only reported. */
export interface Measured {
  readonly value: number
  readonly also?: Readonly<Record<string, number>>
}

export interface Contest {
  /** Names the file of the result. */
  readonly name: string
  readonly unit: string
  readonly ours: () => Promise<Measured>
  readonly peer: () => Promise<Measured>
  readonly rounds?: number
  /** Says whether the figures are what we steer by, and which that is; `met` null: there is no goal. */
  readonly judge: (
    ratio: Spread,
    also: Readonly<Record<string, Spread>>,
    ours: Spread,
  ) => { readonly met: boolean | null; readonly goal: string }
}

export interface Spread {
  readonly median: number
  readonly low: number
  readonly high: number
}

export interface BenchResult {
  readonly name: string
  readonly unit: string
  readonly rounds: readonly { readonly ours: Measured; readonly peer: Measured; readonly ratio: number }[]
  readonly ours: Spread
  readonly peer: Spread
  /** Ours over peer, per round: both sides of a ratio saw the same minute of the machine. */
  readonly ratio: Spread
  /** Our other figures, by name. */
  readonly also: Readonly<Record<string, Spread>>
  readonly goal: string
  readonly met: boolean | null
  /** One line for people. */
  readonly text: string
}

/** What something was measured on, and when. */
export interface MeasuredOn {
  /** null where there was no commit to name. */
  readonly commit: { readonly id: string; readonly changed: boolean } | null
  readonly machine: {
    readonly os: string
    readonly kernel: string
    readonly cpu: string
    readonly cores: number
    readonly memoryMb: number
    readonly node: string
  }
  readonly at: string
}

/** A result with what it was measured on. */
export interface SavedResult extends BenchResult, MeasuredOn {}

/** Runs both sides in turn, the order swapped from round to round, after one round that is not counted. */
export async function contend(contest: Contest): Promise<BenchResult> {
  const rounds: BenchResult['rounds'][number][] = []
  await contest.ours()
  await contest.peer()
  for (let round = 0; round < (contest.rounds ?? USUAL_ROUNDS); round++) {
    const first = round % 2 === 0 ? await contest.ours() : await contest.peer()
    const second = round % 2 === 0 ? await contest.peer() : await contest.ours()
    const [ours, peer] = round % 2 === 0 ? [first, second] : [second, first]
    rounds.push({ ours, peer, ratio: ours.value / peer.value })
  }
  const ratio = spread(rounds.map((round) => round.ratio))
  const names = Object.keys(rounds[0]?.ours.also ?? {})
  const also = Object.fromEntries(
    names.map((name) => [name, spread(rounds.map(({ ours }) => ours.also?.[name] ?? Number.NaN))]),
  )
  const ours = spread(rounds.map((round) => round.ours.value))
  const peer = spread(rounds.map((round) => round.peer.value))
  const { met, goal } = contest.judge(ratio, also, ours)
  const others = Object.entries(also).map(([name, values]) => `, ${name} ${show(values)}`)
  const text = `${show(ours)} against ${show(peer)} ${contest.unit}: ratio ${show(ratio)}${others.join('')}`
  return { name: contest.name, unit: contest.unit, rounds, ours, peer, ratio, also, goal, met, text }
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  return { median: quantile(sorted, 0.5), low: sorted[0] ?? Number.NaN, high: sorted.at(-1) ?? Number.NaN }
}

/** The value below which that part of the sorted values lies. */
export function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(Math.floor(sorted.length * part), sorted.length - 1)] ?? Number.NaN
}

/** Writes the raw figures with what they were measured on to `bench/results/<name>.json`. */
export function saveResult(result: BenchResult): void {
  const directory = join(process.cwd(), 'bench/results')
  mkdirSync(directory, { recursive: true })
  const document: SavedResult = { ...result, ...measuredOn() }
  writeFileSync(join(directory, `${result.name}.json`), `${JSON.stringify(document, null, 2)}\n`)
}

/** The commit, the machine and the moment. */
export function measuredOn(): MeasuredOn {
  return { commit: commit(), machine: machine(), at: new Date().toISOString() }
}

export function show({ median, low, high }: Spread): string {
  return `${round(median)} (${round(low)}-${round(high)})`
}

function round(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3)
}

function machine(): MeasuredOn['machine'] {
  const [cpu] = cpus()
  const memoryMb = Math.round(totalmem() / 2 ** 20)
  const common = { cpu: cpu?.model ?? '', cores: cpus().length, memoryMb, node: process.version }
  return { ...common, os: osName(), kernel: release().split('-')[0] ?? '' }
}

function osName(): string {
  const path = '/etc/os-release'
  if (!existsSync(path)) return type()
  return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync(path, 'utf8'))?.[1] ?? type()
}

function commit(): MeasuredOn['commit'] {
  try {
    const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8', stdio: 'pipe' }).trim()
    return { id: git('rev-parse', 'HEAD'), changed: git('status', '--porcelain') !== '' }
  } catch {
    // Not a checkout, or nothing committed yet.
    return null
  }
}
