import { check } from './check.ts'
import { describe } from './issues.ts'
import { type Placed, resolvePlacements } from './placements.ts'
import type { Report } from './report.ts'
import { type PlacementForm, placementForm } from './schema-root.ts'

/** The placements of a document with inheritance resolved; what is wrong is reported and left out. */
export function readPlacements(value: unknown, report: Report): ReadonlyMap<string, ReadonlyMap<string, Placed>> {
  if (value === undefined || value === null) return new Map()
  if (typeof value !== 'object' || Array.isArray(value)) {
    report.problem(['placements'], `must be a mapping, not ${describe(value)}`, 'write name: {services: {…}}')
    return new Map()
  }
  const forms: Record<string, PlacementForm> = {}
  for (const [name, form] of Object.entries(value)) {
    const checked = check(placementForm, form, ['placements', name], report)
    if (checked !== null) forms[name] = checked
  }
  return resolvePlacements(forms, ['placements'], report)
}
