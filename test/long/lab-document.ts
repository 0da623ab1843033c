import type { Verdict } from '../lab/watched-cluster.ts'
import { LAB_PARTS, type LabPart, type LabResult, type Losses, readLabResult } from './lab-results.ts'

/** What the parts of the campaign of machines came to, as a table for docs/reliability.md. */
export function labTable(): string {
  const rows = LAB_PARTS.flatMap((part) => rowsOf(part, readLabResult(part)))
  return ['| what failed | result | measured |', '|---|---|---|', ...rows].join('\n')
}

function rowsOf(part: LabPart, result: LabResult | null): string[] {
  if (result === null) return [`| ${part} | not run yet | |`]
  const { commit, at, machine } = result
  const id = commit === null ? 'no commit' : `${commit.id.slice(0, 10)}${commit.changed ? ' and changes since' : ''}`
  const where = `${at.slice(0, 10)}, ${id}, ${machine.cores} cores`
  return [
    ...Object.entries(result.scenarios).map(([name, verdict]) => `| ${name} | ${said(verdict)} | ${where} |`),
    ...Object.entries(result.losses).map(([name, losses]) => `| ${name} lost | ${told(losses)} | ${where} |`),
    ...result.leftOut.map((name) => `| ${name} | left out for want of time | ${where} |`),
  ]
}

function said({ broken, facts }: Verdict): string {
  const kept = broken.length === 0 ? 'every promise held' : `BROKEN: ${broken.join('; ')}`
  const seen = Object.entries(facts)
    .filter(([name]) => !/^[A-Z_]+$/.test(name))
    .map(([name, value]) => `${name} ${typeof value === 'number' ? Number(value.toPrecision(4)) : value}`)
  return `${kept}; ${seen.join(', ')}`
}

function told({ goalMs, ms }: Losses): string {
  if (ms.length === 0) return 'no trial'
  const sorted = ms.toSorted((a, b) => a - b)
  const slow = ms.filter((each) => each > goalMs).length
  const seconds = (each: number | undefined): string => ((each ?? Number.NaN) / 1_000).toFixed(1)
  const verdict = slow === 0 ? `all within ${goalMs / 1_000} s` : `${slow} took longer than ${goalMs / 1_000} s`
  const middle = sorted[Math.floor((sorted.length - 1) / 2)]
  return `${ms.length} trials, ${verdict}: ${seconds(sorted[0])} to ${seconds(sorted.at(-1))} s, median ${seconds(middle)} s`
}
