import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type MeasuredOn, measuredOn } from '../../bench/frame.ts'
import type { Verdict } from '../lab/watched-cluster.ts'

const DIRECTORY = 'test/long/results'

/** Parts of the campaign; each has a file of its own, so that they can be run one by one. */
export const LAB_PARTS = ['lab-faults', 'lab-starved', 'lab-losses', 'lab-losses-fast', 'lab-losses-rare'] as const
export type LabPart = (typeof LAB_PARTS)[number]

/** Machines with all replicas that lost their power. */
export interface Losses {
  readonly goalMs: number
  /** From the loss to the start of the last replacement, in the order of the trials. */
  readonly ms: readonly number[]
}

export interface LabFindings {
  readonly rngSeed: number
  readonly scenarios: Readonly<Record<string, Verdict>>
  readonly losses: Readonly<Record<string, Losses>>
  /** For which there was no time. */
  readonly leftOut: readonly string[]
}

export interface LabResult extends LabFindings, MeasuredOn {}

export function saveLabResult(part: LabPart, findings: LabFindings): void {
  mkdirSync(DIRECTORY, { recursive: true })
  writeFileSync(fileOf(part), `${JSON.stringify({ ...measuredOn(), ...findings }, null, 2)}\n`)
}

/** null: it was never run. */
export function readLabResult(part: LabPart): LabResult | null {
  const file = fileOf(part)
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as LabResult) : null
}

/** Throws when a promise was broken or a loss took longer than it may. */
export function requireKept({ scenarios, losses }: Pick<LabFindings, 'scenarios' | 'losses'>): void {
  const broken = Object.entries(scenarios).flatMap(([name, verdict]) =>
    verdict.broken.map((what) => `${name}: ${what}`),
  )
  for (const [name, { goalMs, ms }] of Object.entries(losses)) {
    const slow = ms.filter((each) => each > goalMs).length
    if (slow > 0) broken.push(`${name}: ${slow} of ${ms.length} took longer than ${goalMs / 1_000} s`)
  }
  if (broken.length > 0) throw new Error(broken.join('\n'))
}

function fileOf(part: LabPart): string {
  return join(DIRECTORY, `${part}.json`)
}
