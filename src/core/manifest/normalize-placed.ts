import { canonicalJson } from '../../lib/canonical-json.ts'
import type { Limits, PlacementVariant, Port, Resources } from '../model/service.ts'
import { manifestName } from './field-names.ts'
import { type Fields, single, sources } from './fields.ts'
import { NO_LIMITS, normalizeLimits, normalizeResources } from './normalize-limits.ts'
import { normalizePorts } from './normalize-ports.ts'
import { overlay, type Placed } from './placements.ts'

/** What depends on the placement of a service, for it and for each placement that differs. */
export interface PlacedSettings extends PlacementVariant {
  readonly placements: readonly string[]
  readonly variants: Readonly<Record<string, PlacementVariant>>
}

/**
 * Puts together what the service says and what its placements say. The first placement's settings are the service's;
 * those of another placement are a variant where they differ.
 */
export function normalizePlaced(fields: Fields, uses: readonly Placed[]): PlacedSettings {
  const own = ownSettings(fields)
  const each = uses.map((use) => [use.placement, combine(fields, own, use)] as const)
  const first = each[0]?.[1] ?? { ...own, seeds: 0 }
  const variants = each.filter(([, variant]) => canonicalJson(variant) !== canonicalJson(first))
  const chosen = sources(fields, 'placements', 'placement').flatMap(({ value }) => value)
  const placements = [...new Set([...uses.map(({ placement }) => placement), ...chosen])]
  return { ...first, placements, variants: Object.fromEntries(variants) }
}

type Own = Omit<PlacementVariant, 'seeds'>

function ownSettings(fields: Fields): Own {
  const ports = normalizePorts(sources(fields, 'ports'), fields.report)
  const block = single(fields, 'resources')
  const resources: Resources =
    block === null
      ? { cpuMillis: 0, memoryBytes: 0, diskBytes: 0 }
      : normalizeResources(block.value, block.path, fields.report)
  const amounts = { ...NO_LIMITS, cpuMillis: resources.cpuMillis || null, memoryBytes: resources.memoryBytes || null }
  return { ports, resources, limits: overlay(amounts, explicitLimits(fields)) }
}

/** Of the block `limits` and of raw options; where both set the same limit, they must agree. */
function explicitLimits(fields: Fields): Limits {
  const names = Object.keys(NO_LIMITS) as (keyof Limits)[]
  let limits = NO_LIMITS
  for (const source of sources(fields, 'limits')) {
    const more = normalizeLimits(source.value, source.path, fields.report)
    const other = names.find((name) => limits[name] !== null && more[name] !== null && limits[name] !== more[name])
    if (other !== undefined) {
      const name = manifestName(`limits.${other}`)
      fields.report.problem(source.path, `sets ${name} to another value than the key ${name}`, 'keep one of them')
    }
    limits = overlay(limits, more)
  }
  return limits
}

/** A limit that a placement sets is set aside on the node as well; the service's own block says both apart. */
function combine(fields: Fields, own: Own, use: Placed): PlacementVariant {
  const { cpuMillis, memoryBytes } = use.limits
  return {
    seeds: use.seeds ?? 0,
    ports: mergePorts(fields, own.ports, use),
    limits: overlay(own.limits, use.limits),
    resources: {
      ...own.resources,
      cpuMillis: cpuMillis ?? own.resources.cpuMillis,
      memoryBytes: memoryBytes ?? own.resources.memoryBytes,
    },
  }
}

function mergePorts(fields: Fields, own: readonly Port[], use: Placed): readonly Port[] {
  if (use.ports === null) return own
  const asForm = (ports: readonly Port[]) =>
    ports.map(({ host, container, protocol }) => ({ host_port: host ?? 0, container_port: container, protocol }))
  const path = [...use.path, 'ports']
  return normalizePorts(
    [
      { value: asForm(own), path, whole: true },
      { value: asForm(use.ports), path, whole: true },
    ],
    fields.report,
  )
}
