import { check } from './check.ts'
import { describe, findings } from './issues.ts'
import { whyNoServiceName } from './names.ts'
import { normalizeService, type Situation } from './normalize-service.ts'
import { readOptions } from './options.ts'
import { formatPath, type Path } from './path.ts'
import type { Placed } from './placements.ts'
import type { Loaded } from './references.ts'
import type { Report } from './report.ts'
import { type ServiceForm, serviceForm } from './schema-service.ts'

export const SERVICE_KEYS: readonly string[] = Object.keys(serviceForm.shape)

type Placements = ReadonlyMap<string, ReadonlyMap<string, Placed>>

export interface ReadServices {
  readonly services: readonly Loaded[]
  readonly names: ReadonlySet<string>
}

interface Entry {
  /** null: the name could not be read. */
  readonly name: string | null
  readonly path: Path
  readonly value: unknown
  readonly style: Situation['style']
}

/** The services of a document in any form; those with problems are reported and left out. */
export function readServices(
  source: { form: 'bare' | 'services'; value: unknown },
  placements: Placements,
  report: Report,
): ReadServices {
  const entries = source.form === 'bare' ? [listEntry(source.value, [])] : entriesOf(source.value, report)
  const services: Loaded[] = []
  const names = new Set<string>()
  const uses = usesByService(placements)
  for (const entry of entries) {
    const { name, path } = entry
    const form = check(serviceForm, entry.value, path, report)
    const unique = checkName(entry, names, form, report)
    if (form === null) continue
    const situation = {
      name: name ?? '',
      style: entry.style,
      uses: uses.get(name ?? '') ?? [],
      hasPlacements: placements.size > 0,
    }
    const spec = normalizeService(fieldsOf(form, path, report), situation)
    if (name !== null && unique) services.push({ spec, path })
  }
  return { services, names }
}

function usesByService(placements: Placements): ReadonlyMap<string, readonly Placed[]> {
  const uses = new Map<string, Placed[]>()
  for (const services of placements.values()) {
    for (const [service, placed] of services) {
      const known = uses.get(service)
      if (known === undefined) uses.set(service, [placed])
      else known.push(placed)
    }
  }
  return uses
}

function entriesOf(value: unknown, report: Report): readonly Entry[] {
  if (value === undefined) return []
  if (Array.isArray(value)) return value.map((item, i) => listEntry(item, ['services', i]))
  if (typeof value !== 'object' || value === null) {
    report.problem(
      ['services'],
      `must be a list or a mapping, not ${describe(value)}`,
      'write name: {image: …} below it, or {} for none',
    )
    return []
  }
  return Object.entries(value).map(([name, form]) => ({
    name,
    path: ['services', name],
    // A name with nothing after it still is a service, of which everything is missing.
    value: form ?? {},
    style: 'map' as const,
  }))
}

function listEntry(value: unknown, path: Path): Entry {
  const form = typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
  const name = form['service_name'] ?? form['name']
  return { name: typeof name === 'string' ? name : null, path, value, style: 'list' }
}

/** Checks and collects a name; false when another service has it already. */
function checkName(entry: Entry, names: Set<string>, form: ServiceForm | null, report: Report): boolean {
  const { name, path, style } = entry
  if (name === null) {
    if (form !== null)
      report.missing(path, 'service_name', 'the service has no name', 'write service_name: and a unique name')
    return false
  }
  const inside = form?.service_name === undefined ? 'name' : 'service_name'
  const at = style === 'map' ? path : [...path, inside]
  const wrong = whyNoServiceName(name)
  if (wrong !== null) report.problem(at, wrong, 'for example web-1', style === 'map' ? 'key' : 'value')
  if (names.has(name)) {
    report.problem(at, `two services are named ${name}`, 'names are unique')
    return false
  }
  names.add(name)
  if (form?.name !== undefined && form.service_name !== undefined) {
    report.problem([...path, 'name'], 'service_name and name mean the same; both are there', 'keep one of them', 'key')
  }
  const own = form?.service_name ?? form?.name
  if (style === 'map' && own !== undefined && own !== name) {
    report.problem([...path, inside], `the service is named ${name} by its key, and ${own} here`, `remove ${inside}`)
  }
  return true
}

function fieldsOf(
  doc: ServiceForm,
  path: Path,
  report: Report,
): { doc: ServiceForm; options: ServiceForm; path: Path; report: Report } {
  if (doc.options === undefined) return { doc, options: {}, path, report }
  const at = [...path, 'options']
  const { keys, problems } = readOptions(doc.options)
  for (const { message, hint } of problems) report.problem(at, message, hint)
  const result = serviceForm.safeParse(keys, { reportInput: true })
  if (result.success) return { doc, options: keys, path, report }
  for (const finding of findings(result.error.issues, []))
    report.problem(at, `${formatPath(finding.path)} ${finding.message}`, finding.hint)
  return { doc, options: {}, path, report }
}
