import type { ServiceSpec } from '../model/service.ts'
import { findCircles, formatCircle } from './cycles.ts'
import type { Path } from './path.ts'
import type { Placed } from './placements.ts'
import { clashingPorts } from './port-clash.ts'
import type { Report } from './report.ts'
import { nearest } from './suggest.ts'

/** One service that could be read, and where it stands. */
export interface Loaded {
  readonly spec: ServiceSpec
  readonly path: Path
}

export interface References {
  readonly services: readonly Loaded[]
  /** Every name in the file, also of services that have problems of their own. */
  readonly names: ReadonlySet<string>
  readonly placements: ReadonlyMap<string, ReadonlyMap<string, Placed>>
}

/** Checks what services and placements say of each other. */
export function checkReferences(references: References, report: Report): void {
  const { services, names, placements } = references
  for (const placed of placements.values()) {
    for (const [service, { path }] of placed) {
      if (!names.has(service) && path.at(-1) === service) unknownService(service, path, 'key', names, report)
    }
  }
  const byName = new Map(services.map((loaded) => [loaded.spec.name, loaded]))
  for (const loaded of services) {
    checkDependencies(loaded, names, byName, report)
    noteUndeclared(loaded, placements, report)
  }
  reportCircles(byName, report)
  for (const { path, message } of clashingPorts(services))
    report.problem(path, message, 'choose another host port, or another placement')
}

function unknownService(
  service: string,
  path: Path,
  at: 'key' | 'value',
  names: ReadonlySet<string>,
  report: Report,
): void {
  const meant = report.isFull ? null : nearest(service, [...names])
  report.problem(
    path,
    `no service is named ${service}`,
    meant === null ? `the file has ${listed(names)}` : `did you mean ${meant}?`,
    at,
  )
}

function listed(names: ReadonlySet<string>): string {
  if (names.size === 0) return 'no services'
  return names.size > 20 ? `${names.size} services` : [...names].join(', ')
}

function checkDependencies(
  { spec, path }: Loaded,
  names: ReadonlySet<string>,
  byName: ReadonlyMap<string, Loaded>,
  report: Report,
): void {
  for (const [i, { service }] of spec.dependencies.entries()) {
    const at = dependencyPath(path, service, i, report)
    if (!names.has(service)) unknownService(service, at, 'key', names, report)
    else if (service === spec.name) report.problem(at, 'a service cannot depend on itself', 'remove it', 'key')
    else {
      const target = byName.get(service)?.spec
      if (target !== undefined && target.mode !== 'global' && target.replicas === 0) {
        report.note(at, `${spec.name} depends on ${service}, of which nothing runs`)
      }
    }
  }
}

/** Dependencies are a mapping or a list; the text tells which. */
function dependencyPath(path: Path, service: string, i: number, report: Report): Path {
  const key = [...path, 'dependencies', service]
  const index = [...path, 'dependencies', i]
  return report.hasValue(key) ? key : index
}

function noteUndeclared({ spec, path }: Loaded, placements: References['placements'], report: Report): void {
  if (placements.size === 0) return
  for (const name of spec.placements) {
    if (placements.has(name)) continue
    const meant = nearest(name, [...placements.keys()])
    report.note(
      path,
      `${spec.name} runs on nodes of the placement ${name}, which this file does not declare${meant === null ? '' : `; did you mean ${meant}?`}`,
    )
  }
}

/** Reports each circle of dependencies once, at the dependency that closes it. */
function reportCircles(byName: ReadonlyMap<string, Loaded>, report: Report): void {
  const arrows = [...byName].map(([name, { spec }]) => [name, spec.dependencies.map(({ service }) => service)] as const)
  for (const circle of findCircles(new Map(arrows))) {
    const path = byName.get(circle.from)?.path
    // What depends on itself was told by name.
    if (path === undefined || circle.nodes.length === 2) continue
    const at = dependencyPath(path, circle.nodes.at(-1) ?? '', circle.arrow, report)
    const message = `services wait for each other: ${formatCircle(circle)}`
    report.problem(at, message, 'remove one of these dependencies', 'key')
  }
}
