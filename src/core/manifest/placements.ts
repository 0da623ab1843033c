import type { Limits, Port } from '../model/service.ts'
import { findCircles, formatCircle } from './cycles.ts'
import { whyNoPlacementName } from './names.ts'
import { NO_LIMITS, normalizeLimits } from './normalize-limits.ts'
import { normalizePorts } from './normalize-ports.ts'
import type { Path } from './path.ts'
import type { Report } from './report.ts'
import type { PlacedServiceForm, PlacementForm } from './schema-root.ts'
import { nearest } from './suggest.ts'

/** What a placement says of one service; null where it says nothing. */
export interface Placed {
  readonly placement: string
  readonly path: Path
  readonly seeds: number | null
  readonly ports: readonly Port[] | null
  readonly limits: Limits
  readonly instances: number | null
}

type Settings = ReadonlyMap<string, Placed>

/** Resolves inheritance: for each placement, in the order of the file, its services and what it says of them. */
export function resolvePlacements(
  forms: Readonly<Record<string, PlacementForm>>,
  root: Path,
  report: Report,
): ReadonlyMap<string, Settings> {
  const names = Object.keys(forms)
  const parents = new Map(
    names.map((name) => [name, readInherits(forms[name], [...root, name, 'inherits'], forms, report)]),
  )
  for (const circle of findCircles(
    new Map([...parents].map(([name, parent]) => [name, parent ? [parent.name] : []])),
  )) {
    const message = `placements inherit from each other: ${formatCircle(circle)}`
    report.problem([...root, circle.from, 'inherits'], message, 'remove one of these inherits')
    parents.set(circle.from, null)
  }
  const resolved = new Map<string, Settings>()
  let entries = 0
  for (const name of names) {
    const wrong = whyNoPlacementName(name)
    if (wrong !== null) report.problem([...root, name], wrong, '', 'key')
    for (const next of unresolved(name, parents, resolved)) {
      const parent = parents.get(next)
      const base = parent ? scaled(resolved.get(parent.name), parent.factor) : []
      const settings = settingsOf(next, forms[next] ?? {}, base, [...root, next], report)
      resolved.set(next, settings)
      entries += settings.size
    }
    if (entries <= MAX_ENTRIES) continue
    report.problem(
      [...root, name],
      `the placements name services more than ${MAX_ENTRIES} times in all`,
      'inherit less',
      'key',
    )
    break
  }
  // In the order of the file, whatever the order of inheritance.
  return new Map(names.flatMap((name) => [[name, resolved.get(name) ?? new Map()] as const]))
}

/** Inheritance multiplies: a small file must not become a large model. */
const MAX_ENTRIES = 100_000

interface Parent {
  readonly name: string
  readonly factor: number
}

/** The placement and those it inherits from that are not resolved yet, the oldest first. */
function unresolved(
  name: string,
  parents: ReadonlyMap<string, Parent | null>,
  resolved: ReadonlyMap<string, Settings>,
): readonly string[] {
  const line: string[] = []
  for (let next: string | undefined = name; next !== undefined && !resolved.has(next); next = parents.get(next)?.name) {
    line.push(next)
  }
  return line.reverse()
}

function scaled(settings: Settings | undefined, factor: number): readonly (readonly [string, Placed])[] {
  return [...(settings ?? [])].map(([service, placed]) => [service, scale(placed, factor)])
}

function settingsOf(
  name: string,
  form: PlacementForm,
  base: readonly (readonly [string, Placed])[],
  path: Path,
  report: Report,
): Settings {
  const settings = new Map(base.map(([service, placed]) => [service, { ...placed, placement: name, path } as Placed]))
  for (const [service, placed] of ownSettings(name, form, path, report)) {
    settings.set(service, merge(settings.get(service), placed))
  }
  return settings
}

function readInherits(
  form: PlacementForm | undefined,
  path: Path,
  forms: Readonly<Record<string, PlacementForm>>,
  report: Report,
): Parent | null {
  if (form?.inherits === undefined) return null
  const [, name, factorText = '1'] = /^\s*([\w-]+)\s*(?:\(\s*(\d*\.?\d+)\s*\))?\s*$/.exec(form.inherits) ?? []
  const factor = Number(factorText)
  if (name === undefined || factor <= 0 || factor > 100) {
    report.problem(path, `"${form.inherits}" is not of the form name or name(factor)`, 'write base or base(0.7)')
  } else if (!Object.hasOwn(forms, name)) {
    const meant = nearest(name, Object.keys(forms))
    report.problem(path, `no placement is named ${name}`, meant === null ? '' : `did you mean ${meant}?`)
  } else return { name, factor }
  return null
}

function ownSettings(name: string, form: PlacementForm, path: Path, report: Report): Settings {
  const services = Object.entries(form.services ?? {})
  if (services.length === 0 && form.inherits === undefined) {
    report.missing(
      path,
      'services',
      `the placement ${name} has no services`,
      'name at least one service, or remove the placement',
    )
  }
  return new Map(
    services.map(([service, settings]) => {
      const at = [...path, 'services', service]
      return [service, readPlaced(name, settings ?? {}, at, report)]
    }),
  )
}

function readPlaced(placement: string, form: PlacedServiceForm, path: Path, report: Report): Placed {
  const { seeds, ports, instances, ...limits } = form
  const source = ports === undefined ? [] : [{ value: ports, path: [...path, 'ports'], whole: false }]
  return {
    placement,
    path,
    seeds: seeds ?? null,
    ports: ports === undefined ? null : normalizePorts(source, report),
    limits: normalizeLimits(limits, path, report),
    instances: readInstances(instances, [...path, 'instances'], report),
  }
}

function readInstances(value: number | string | undefined, path: Path, report: Report): number | null {
  if (typeof value !== 'string') return value ?? null
  if (/^\d+\s*x$/i.test(value.trim())) {
    report.problem(
      path,
      `"${value}", several on each node, is not supported yet`,
      'write the number of tasks in all, or leave it out for one on each node',
    )
  } else if (/^\d{1,4}$/.test(value.trim())) return Number(value)
  else report.problem(path, `"${value}" is not a number of tasks`, 'write a whole number')
  return null
}

/** What is inherited, with memory and processors scaled; weights and ports stay as they are. */
function scale(placed: Placed, factor: number): Placed {
  const scaled = (amount: number | null): number | null =>
    amount === null || amount < 0 ? amount : Math.max(1, Math.round(amount * factor))
  const { limits } = placed
  return {
    ...placed,
    limits: {
      ...limits,
      cpuMillis: scaled(limits.cpuMillis),
      memoryBytes: scaled(limits.memoryBytes),
      memoryPercent: limits.memoryPercent === null ? null : Math.min(100, limits.memoryPercent * factor),
      memorySwapBytes: scaled(limits.memorySwapBytes),
      kernelMemoryBytes: scaled(limits.kernelMemoryBytes),
    },
  }
}

function merge(base: Placed | undefined, own: Placed): Placed {
  if (base === undefined) return own
  return {
    ...own,
    seeds: own.seeds ?? base.seeds,
    ports: own.ports ?? base.ports,
    instances: own.instances ?? base.instances,
    limits: overlay(base.limits, own.limits),
  }
}

/** Limits where the second say wins. An amount of memory replaces a percentage, and the other way round. */
export function overlay(base: Limits, own: Limits): Limits {
  const merged: Record<string, number | string | null> = { ...NO_LIMITS }
  for (const name of Object.keys(NO_LIMITS) as (keyof Limits)[]) merged[name] = own[name] ?? base[name]
  if (own.memoryBytes !== null) merged['memoryPercent'] = null
  if (own.memoryPercent !== null) merged['memoryBytes'] = null
  return merged as unknown as Limits
}
