import type { Mount, ServiceMode, ServiceSpec, UpdatePolicy } from '../model/service.ts'
import { type Fields, partPath, single, sources, valueOr } from './fields.ts'
import { normalizeContainer } from './normalize-container.ts'
import { normalizeHealth, shellArgv } from './normalize-health.ts'
import { normalizeMounts } from './normalize-mounts.ts'
import { normalizePlaced, type PlacedSettings } from './normalize-placed.ts'
import { normalizeScale } from './normalize-scale.ts'
import type { Placed } from './placements.ts'
import { DURATION_FORM, parseDuration } from './units.ts'

/** How a service is written, which decides some defaults. */
export interface Situation {
  readonly name: string
  /** `list`: an item of a list, or a document of its own; `map`: the value of its name. */
  readonly style: 'list' | 'map'
  /** What the placements of the file say of it. */
  readonly uses: readonly Placed[]
  /** Whether the file has placements at all. */
  readonly hasPlacements: boolean
}

/** One service with nothing left open. What is wrong is reported; the result is of use only when nothing was. */
export function normalizeService(fields: Fields, situation: Situation): ServiceSpec {
  const placed = normalizePlaced(fields, situation.uses)
  const isPlaced = situation.uses.length > 0
  const mode = readMode(fields, situation)
  const mounts = readMounts(fields, !isPlaced)
  const init = valueOr(fields, isPlaced && fields.doc.image !== undefined, 'init')
  const container = normalizeContainer(fields, { ports: placed.ports, limits: placed.limits, mounts, init })
  const replicas = readReplicas(fields, situation, mode)
  const exclusive = valueOr(fields, false, 'exclusive')
  const restart = readRestart(fields, situation, mode)
  needsProgram(fields)
  return {
    name: situation.name,
    mode,
    replicas,
    placements: placed.placements,
    variants: placed.variants,
    container,
    restart,
    health: normalizeHealth(fields, container.ports),
    repair: readHook(fields, 'repair'),
    inspect: readHook(fields, 'inspect'),
    resources: placed.resources,
    scale: normalizeScale(fields, mode, replicas),
    update: readUpdate(fields, stopsFirst(mode, exclusive, placed, mounts, container.networkMode)),
    dependencies: readDependencies(fields),
    exclusive,
    leaseMs: readLease(fields, exclusive),
    seeds: placed.seeds,
    files: readFiles(fields),
    restartCount: 0,
  }
}

function readMode(fields: Fields, { uses }: Situation): ServiceMode {
  const counted = fields.doc.replicas !== undefined || uses.some(({ instances }) => instances !== null)
  return fields.doc.mode ?? (uses.length > 0 && !counted ? 'global' : 'replicated')
}

function readReplicas(fields: Fields, { style, uses, hasPlacements }: Situation, mode: ServiceMode): number {
  const { report, path, doc } = fields
  const counts = uses.flatMap((use) => (use.instances === null ? [] : [use]))
  const [first, second] = counts
  if (second !== undefined)
    report.problem(
      [...second.path, 'instances'],
      'instances is set in two placements',
      'set it in one; it counts all tasks',
    )
  if (first !== undefined && doc.replicas !== undefined) {
    report.problem([...first.path, 'instances'], 'the service sets replicas already', 'keep one of them')
  }
  if (mode === 'global') {
    const where = doc.replicas === undefined ? first && [...first.path, 'instances'] : [...path, 'replicas']
    if (where)
      report.problem(where, 'a global service has one task on each node', 'remove the number, or mode: global', 'key')
    return 0
  }
  const count = doc.replicas ?? first?.instances
  if (count !== undefined && count !== null) return count
  if (mode === 'job') return 1
  if (style === 'list')
    report.missing(path, 'replicas', 'is missing; it says how many tasks to run', 'write replicas: 1')
  if (style === 'list' || !hasPlacements || doc.placement || doc.placements || doc.mode) return 1
  report.note(path, 'no placement names this service and it has no replicas: nothing will run')
  return 0
}

function readRestart(fields: Fields, { style, uses }: Situation, mode: ServiceMode): ServiceSpec['restart'] {
  const given = single(fields, 'restart_policy')
  if (given === null) return mode === 'job' || (style === 'list' && uses.length === 0) ? 'no' : 'always'
  if (mode === 'job' && (given.value === 'always' || given.value === 'unless-stopped')) {
    fields.report.problem(
      given.path,
      `a job with restart_policy ${given.value} would never complete`,
      'use no or on-failure',
    )
  }
  return given.value
}

function readMounts(fields: Fields, statelessDefault: boolean): readonly Mount[] {
  const mounts = normalizeMounts(sources(fields, 'volumes'), fields.report)
  if (fields.doc.stateless ?? statelessDefault) return mounts
  if (!mounts.some(({ target }) => target === '/data')) return [...mounts, { kind: 'data', target: '/data' }]
  fields.report.note(
    [...fields.path, 'volumes'],
    'a volume is mounted at /data, so the service gets no directory of its own there',
  )
  return mounts
}

/** A service that would get in its own way: two tasks of a slot cannot run side by side. */
function stopsFirst(
  mode: ServiceMode,
  exclusive: boolean,
  placed: PlacedSettings,
  mounts: readonly Mount[],
  network: string,
): boolean {
  const fixed = [placed, ...Object.values(placed.variants)].some(({ ports }) => ports.some(({ host }) => host !== null))
  const hostPorts = network === 'host' && placed.ports.length > 0
  return (
    fixed ||
    hostPorts ||
    exclusive ||
    mode === 'global' ||
    placed.seeds > 0 ||
    mounts.some(({ kind }) => kind === 'data')
  )
}

function readUpdate(fields: Fields, stopFirst: boolean): UpdatePolicy {
  const { order, parallelism } = valueOr(
    fields,
    {} as { order?: UpdatePolicy['order']; parallelism?: number },
    'update_policy',
  )
  const exclusive = fields.doc.exclusive === true
  if (exclusive && order === 'start-first') {
    const path = [...fields.path, 'update_policy', 'order']
    fields.report.problem(path, 'an exclusive service never has two tasks of a slot at once', 'use stop-first')
  }
  return { order: order ?? (stopFirst ? 'stop-first' : 'start-first'), parallelism: parallelism ?? 1 }
}

const SHORTEST_LEASE_MS = 10_000
const LONGEST_LEASE_MS = 600_000

function readLease(fields: Fields, exclusive: boolean): number | null {
  const lease = single(fields, 'lease')
  if (lease === null) return null
  const ms = parseDuration(lease.value)
  if (ms === null) fields.report.problem(lease.path, `"${lease.value}" is no time`, `write ${DURATION_FORM}`)
  else if (ms < SHORTEST_LEASE_MS || ms > LONGEST_LEASE_MS)
    fields.report.problem(lease.path, 'a lease lasts from 10s to 10m', 'use 30s')
  if (!exclusive)
    fields.report.problem(lease.path, 'only an exclusive service has a lease', 'write exclusive: true', 'key')
  return ms
}

function readHook(fields: Fields, key: 'repair' | 'inspect'): readonly string[] | null {
  const hook = single(fields, key)
  return hook === null ? null : shellArgv(hook.value, hook.path, fields.report)
}

function readDependencies(fields: Fields): ServiceSpec['dependencies'] {
  return sources(fields, 'dependencies').flatMap((source) => {
    const { value, path } = source
    if (Array.isArray(value)) {
      const twice = value.findIndex((service, i) => value.indexOf(service) !== i)
      if (twice >= 0)
        fields.report.problem(partPath(source, twice), `the service ${value[twice]} is named twice`, 'keep one of them')
      return value.map((service) => ({ service, env: null }))
    }
    return Object.entries(value).map(([service, form]) => {
      const env = form?.env ?? null
      const wrong = env !== null && /[=\0]/.test(env)
      if (wrong)
        fields.report.problem([...path, service, 'env'], `"${env}" cannot be the name of a variable`, 'no = and no NUL')
      return { service, env }
    })
  })
}

const FILE_ID = /^[A-Za-z0-9_.-]{1,128}$/

function readFiles(fields: Fields): Readonly<Record<string, string>> {
  const files: Record<string, string> = {}
  for (const source of sources(fields, 'files')) {
    for (const [id, target] of Object.entries(source.value)) {
      const path = partPath(source, id)
      const right = FILE_ID.test(id) && id !== '.' && id !== '..'
      if (!right)
        fields.report.problem(path, `"${id}" is not the id of a file`, 'letters, digits, _, . and -; no slash', 'key')
      if (target.split('/').includes('..'))
        fields.report.problem(path, 'has a path with ..', 'write an absolute path, or one below /data')
      files[id] = target.startsWith('/') ? target : `/data/${target.replace(/^\.\//, '')}`
    }
  }
  return files
}

function needsProgram(fields: Fields): void {
  const given = single(fields, 'image') ?? single(fields, 'command') ?? single(fields, 'entrypoint')
  if (given !== null) return
  fields.report.missing(
    fields.path,
    'image',
    'the service has neither image nor command',
    'write image: to run a container, or command: to run a process',
  )
}
