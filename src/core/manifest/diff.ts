import { canonicalJson, contentHash } from '../../lib/canonical-json.ts'
import type { FieldChange } from '../model/plan.ts'
import type { ContainerSpec, ServiceSpec } from '../model/service.ts'
import { manifestName } from './field-names.ts'
import { fieldText, isSecretName } from './field-text.ts'

/** Parts of a spec that take hold without a new container. A test holds this list against the docs. */
export const IN_PLACE_FIELDS = [
  'replicas',
  'restart',
  'health',
  'repair',
  'inspect',
  'resources',
  'scale',
  'update',
  'dependencies',
  'exclusive',
] as const satisfies readonly (keyof ServiceSpec)[]

/** Parts of a container that its agent reads when it stops it, so a running one needs no replacement. */
export const IN_PLACE_CONTAINER_FIELDS = [
  'stopGraceMs',
  'stopSignal',
] as const satisfies readonly (keyof ContainerSpec)[]

/** Specs are never changed once they are made, so each is hashed once, however often it is asked for. */
const hashes = new WeakMap<ServiceSpec, string>()

/**
 * Names everything of a spec that a container is made from: specs with the same hash can share a running container.
 * What can change in place is not part of it.
 */
export function specHash(spec: ServiceSpec): string {
  const known = hashes.get(spec)
  if (known !== undefined) return known
  const hash = contentHash(madeFrom(spec))
  hashes.set(spec, hash)
  return hash
}

function madeFrom(spec: ServiceSpec): unknown {
  const { name: _, ...rest } = spec
  const parts: Record<string, unknown> = { ...rest, dependencies: dependencyVariables(spec) }
  const container: Record<string, unknown> = { ...spec.container }
  for (const field of IN_PLACE_FIELDS) if (field !== 'dependencies') delete parts[field]
  // Each node of a global service has its own task, so nodes that are added or taken away concern only themselves.
  if (spec.mode === 'global') delete parts['placements']
  for (const field of IN_PLACE_CONTAINER_FIELDS) delete container[field]
  return { ...parts, container }
}

/** Dependencies that put a variable into the container; the others are only an order of starting. */
function dependencyVariables(spec: ServiceSpec): Readonly<Record<string, string>> {
  const named = spec.dependencies.filter(({ env }) => env !== null)
  return Object.fromEntries(named.map(({ service, env }) => [env, service]))
}

/**
 * Everything that differs between two specs of one service, in the words of the manifest. Empty when nothing does.
 * A change has the effect `replace` if and only if it changes the hash. Values of variables that look like secrets
 * are never shown.
 */
export function diffSpec(from: ServiceSpec, to: ServiceSpec): readonly FieldChange[] {
  const { container: fromContainer, variants: fromVariants, ...fromRest } = from
  const { container: toContainer, variants: toVariants, ...toRest } = to
  const service = diffRecord(fromRest, toRest, (field) => effectOf(field, from, to))
  const container = diffRecord(fromContainer, toContainer, containerEffect)
  const variants = diffRecord({ variants: fromVariants }, { variants: toVariants }, () => 'replace')
  return [...container, ...service, ...variants]
}

type Effect = FieldChange['effect']

function effectOf(field: string, from: ServiceSpec, to: ServiceSpec): Effect | null {
  if (field === 'name') return null
  if (field === 'placements') return from.mode === 'global' && to.mode === 'global' ? 'in-place' : 'replace'
  if (field === 'dependencies') {
    return isSame(dependencyVariables(from), dependencyVariables(to)) ? 'in-place' : 'replace'
  }
  return (IN_PLACE_FIELDS as readonly string[]).includes(field) ? 'in-place' : 'replace'
}

function containerEffect(field: string): Effect {
  return (IN_PLACE_CONTAINER_FIELDS as readonly string[]).includes(field) ? 'in-place' : 'replace'
}

function diffRecord(from: object, to: object, effect: (field: string) => Effect | null): readonly FieldChange[] {
  const old = from as Readonly<Record<string, unknown>>
  return Object.entries(to).flatMap(([field, value]) => {
    const is = effect(field)
    if (is === null || isSame(old[field], value)) return []
    if (NAMED.has(field)) return diffNamed(field, old[field], value, is)
    if (PARTS.has(field) && isRecord(old[field]) && isRecord(value)) return diffParts(field, old[field], value, is)
    return [{ field: manifestName(field), from: fieldText(field, old[field]), to: fieldText(field, value), effect: is }]
  })
}

/** Mappings that users fill with names of their own: a difference is told for each name. */
const NAMED: ReadonlySet<string> = new Set(['env', 'labels', 'files', 'tmpfs'])
/** Mappings with keys of ours: a difference is told for each key. */
const PARTS: ReadonlySet<string> = new Set(['limits', 'resources', 'health', 'scale', 'update'])

function diffNamed(field: string, from: unknown, to: unknown, effect: Effect): readonly FieldChange[] {
  const old = isRecord(from) ? from : {}
  const now = isRecord(to) ? to : {}
  const names = [...new Set([...Object.keys(old), ...Object.keys(now)])].sort()
  return names.flatMap((name) => {
    const [before, after] = [own(old, name), own(now, name)]
    if (before === after) return []
    const secret = isSecretName(name)
    const text = (value: unknown, word: string): string =>
      value === undefined ? '(none)' : secret ? word : fieldText(field, value)
    return [
      {
        field: `${field}.${name}`,
        from: text(before, 'set'),
        to: text(after, before === undefined ? 'set' : 'changed'),
        effect,
      },
    ]
  })
}

function diffParts(
  field: string,
  from: Readonly<Record<string, unknown>>,
  to: Readonly<Record<string, unknown>>,
  effect: Effect,
): readonly FieldChange[] {
  const parts = [...new Set([...Object.keys(from), ...Object.keys(to)])]
  return parts.flatMap((part) => {
    const [before, after] = [from[part], to[part]]
    if (isSame(before, after)) return []
    return [
      {
        field: `${manifestName(field)}.${manifestName(part)}`,
        from: fieldText(part, before),
        to: fieldText(part, after),
        effect,
      },
    ]
  })
}

function isSame(a: unknown, b: unknown): boolean {
  return a === b || canonicalJson(a) === canonicalJson(b)
}

function own(record: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(record, name) ? record[name] : undefined
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
