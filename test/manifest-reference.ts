import type * as z from 'zod'
import { diffSpec } from '../src/core/manifest/diff.ts'
import { manifestName } from '../src/core/manifest/field-names.ts'
import { SUPPORTED_OPTIONS } from '../src/core/manifest/options.ts'
import { docOf } from '../src/core/manifest/schema-key.ts'
import { limitsForm } from '../src/core/manifest/schema-limits.ts'
import * as parts from '../src/core/manifest/schema-parts.ts'
import { manifestForm, placedServiceForm, placementForm } from '../src/core/manifest/schema-root.ts'
import { SERVICE_GROUPS } from '../src/core/manifest/schema-service.ts'
import { FIELD_SUPPORT } from '../src/core/manifest/support.ts'
import { aService } from './builders.ts'

type Shape = Readonly<Record<string, z.core.$ZodType>>

/** The generated parts of docs/reference/manifest.md, by the name that their markers carry. */
export function referenceParts(): Readonly<Record<string, string>> {
  const groups = Object.entries(SERVICE_GROUPS).map(([name, shape]) => [`service: ${name}`, keyTable(shape)])
  return {
    root: keyTable(manifestForm.shape),
    ...Object.fromEntries(groups),
    ports: keyTable(parts.portKeys.shape),
    volumes: keyTable(parts.volumeKeys.shape),
    resources: keyTable(parts.resourcesForm.shape),
    limits: keyTable(limitsForm.shape),
    health_check: keyTable(parts.healthForm.shape),
    scale_policy: keyTable(parts.scaleForm.shape),
    update_policy: keyTable(parts.updateForm.shape),
    dependencies: keyTable(parts.dependencyKeys.shape),
    ulimits: keyTable(parts.ulimitKeys.shape),
    logging: keyTable(parts.loggingForm.shape),
    capabilities: keyTable(parts.capabilitiesForm.shape),
    placement: keyTable(placementForm.shape),
    'placement service': keyTable(placedServiceForm.shape),
    options: `${SUPPORTED_OPTIONS.map((option) => `\`${option}\``).join(', ')}.`,
    runtimes: runtimeTable(),
    changes: changeTable(),
  }
}

function keyTable(shape: Shape): string {
  const rows = Object.entries(shape).map(([name, schema]) => {
    const doc = docOf(schema)
    const spelling = doc?.spelling === undefined ? '' : ` (${doc.spelling})`
    return `| \`${name}\` | ${typeText(schema)} | ${doc?.absent ?? ''} | ${doc?.description ?? ''}${spelling} |`
  })
  return ['| key | type | default | meaning |', '|---|---|---|---|', ...rows].join('\n')
}

/** A schema in a few words. */
function typeText(schema: z.core.$ZodType): string {
  const { def } = (schema as z.core.$ZodTypes)._zod
  switch (def.type) {
    case 'optional':
    case 'nullable':
      return typeText(def.innerType)
    case 'union':
      return wordsOf(new Set(def.options.map(typeText)))
    case 'array':
      return `list of ${typeText(def.element)}`
    case 'record':
      return `mapping to ${typeText(def.valueType)}`
    case 'enum':
      return Object.values(def.entries)
        .map((word) => `\`${word}\``)
        .join(', ')
    case 'object':
      return 'mapping'
    case 'string':
      return 'text'
    case 'boolean':
      return 'true or false'
    case 'number':
      return numberText(schema)
    default:
      return 'anything'
  }
}

/** Text, number and truth value together are one idea: what YAML writes without brackets. */
function wordsOf(kinds: ReadonlySet<string>): string {
  const scalar = ['text', 'number', 'true or false'].every((kind) => kinds.has(kind))
  return scalar ? 'scalar' : [...kinds].toSorted((a, b) => a.length - b.length).join(', or ')
}

function numberText(schema: z.core.$ZodType): string {
  const { minValue, maxValue, isInt } = schema as z.ZodNumber
  const kind = isInt ? 'whole number' : 'number'
  const from = minValue === null || minValue <= Number.MIN_SAFE_INTEGER ? '' : ` from ${minValue}`
  const to = maxValue === null || maxValue >= Number.MAX_SAFE_INTEGER ? '' : ` to ${maxValue}`
  return `${kind}${from}${to}`
}

function runtimeTable(): string {
  const rows = Object.entries(FIELD_SUPPORT).map(([field, { refusedBy, notYet }]) => {
    const cell = (runtime: 'docker' | 'process'): string => {
      const because = notYet ?? refusedBy?.[runtime]
      return because === undefined ? 'yes' : `no: ${because}`
    }
    return `| \`${manifestName(field)}\`${detail(field)} | ${cell('docker')} | ${cell('process')} |`
  })
  return ['| field | Docker Engine | process |', '|---|---|---|', ...rows].join('\n')
}

function detail(field: string): string {
  const details: Readonly<Record<string, string>> = {
    'mounts.bind': ' (path of the node)',
    'mounts.volume': ' (named volume)',
    'mounts.data': ' (own directory)',
    'limits.memoryPercent': ' (percent)',
  }
  return details[field] ?? ''
}

/** Asks the comparison itself what a change of each field does. */
function changeTable(): string {
  const base = aService()
  const other = (value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value, other: 'other' } : 'other'
  const fields = [
    ...Object.entries(base.container).map(
      ([field, value]) => [field, { container: { [field]: other(value) } }] as const,
    ),
    ...Object.entries(base)
      .filter(([field]) => field !== 'container' && field !== 'name' && field !== 'dependencies')
      .map(([field, value]) => [field, { [field]: other(value) }] as const),
  ]
  const effects = fields.map(([field, change]) => {
    const differences = diffSpec(base, aService(change as never))
    return { field: manifestName(field), effect: differences[0]?.effect }
  })
  const of = (effect: string): string =>
    effects
      .filter((row) => row.effect === effect)
      .map(({ field }) => `\`${field}\``)
      .join(', ')
  return [
    '| effect | fields |',
    '|---|---|',
    `| in place | ${of('in-place')} |`,
    `| new tasks | ${of('replace')} |`,
  ].join('\n')
}
