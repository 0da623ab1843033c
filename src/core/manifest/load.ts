import type { Problem } from '../errors.ts'
import type { Manifest } from '../model/manifest.ts'
import type { ServiceSpec } from '../model/service.ts'
import { type AgentSections, readAgentSections } from './agent-sections.ts'
import { parseDocument } from './parse.ts'
import { readPlacements } from './read-placements.ts'
import { readServices, SERVICE_KEYS } from './read-services.ts'
import { checkReferences } from './references.ts'
import { type Note, Report } from './report.ts'
import { checkRootKeys, ROOT_KEYS } from './root-keys.ts'

export type { AgentSections } from './agent-sections.ts'
export type { Note } from './report.ts'

export interface LoadedManifest {
  /** null if and only if there are problems. */
  readonly manifest: Manifest | null
  /** Everything that is wrong, in the order of the text. */
  readonly problems: readonly Problem[]
  /** What is accepted and has a consequence worth knowing, in the order of the text. */
  readonly notes: readonly Note[]
  /** The agent's own configuration, where it stands in the same file. */
  readonly agentSections: AgentSections
}

/**
 * Loads a manifest in any of its forms: services as a list or a mapping, with or without placements, or one service
 * alone. Finds all problems at once, each with its place. Never throws, whatever the text is.
 *
 * @example
 * const { manifest, problems } = loadManifest(text, 'manifest.yaml')
 */
export function loadManifest(text: string, file: string | null): LoadedManifest {
  const { tree, problems } = parseDocument(text, file)
  if (tree === null) return { manifest: null, problems, notes: [], agentSections: {} }
  const report = new Report(tree, file, problems)
  const loaded = loadRoot(tree.value, report)
  const failed = report.problems.length > 0
  return {
    manifest: failed ? null : loaded.manifest,
    problems: report.problems,
    notes: report.notes,
    agentSections: failed ? {} : loaded.agentSections,
  }
}

interface Root {
  readonly manifest: Manifest
  readonly agentSections: AgentSections
}

const NOTHING: Root = { manifest: { services: {}, placements: [] }, agentSections: {} }

function loadRoot(value: unknown, report: Report): Root {
  if (value === null || value === undefined) {
    report.problem([], 'the file is empty', 'a manifest has services:')
    return NOTHING
  }
  if (typeof value !== 'object' || Array.isArray(value)) {
    report.problem(
      [],
      `must be a mapping with services, not ${Array.isArray(value) ? 'a list' : 'a single value'}`,
      'begin with services:',
    )
    return NOTHING
  }
  const root = value as Readonly<Record<string, unknown>>
  return isBareService(root) ? loadBare(root, report) : loadParts(root, report)
}

/** Whether the document is one service and not a mapping of services. */
function isBareService(root: Readonly<Record<string, unknown>>): boolean {
  const has = (name: string): boolean => Object.hasOwn(root, name)
  if (has('services') || has('placements')) return false
  const named = has('service_name') || has('name')
  return (named && (has('image') || has('command') || has('entrypoint'))) || (has('service_name') && !has('cluster'))
}

function loadBare(root: Readonly<Record<string, unknown>>, report: Report): Root {
  const services = readServices({ form: 'bare', value: root }, new Map(), report)
  checkReferences({ ...services, placements: new Map() }, report)
  return {
    manifest: toManifest(
      services.services.map(({ spec }) => spec),
      [],
    ),
    agentSections: {},
  }
}

function loadParts(root: Readonly<Record<string, unknown>>, report: Report): Root {
  checkRootKeys(root, SERVICE_KEYS, report)
  const agentSections = readAgentSections(root, report)
  const placements = readPlacements(root['placements'], report)
  if (!Object.hasOwn(root, 'services')) {
    report.missing(
      [],
      'services',
      'services is missing',
      `a manifest has services:; known at this level: ${ROOT_KEYS.join(', ')}`,
    )
  }
  const services = readServices({ form: 'services', value: root['services'] }, placements, report)
  checkReferences({ ...services, placements }, report)
  return {
    manifest: toManifest(
      services.services.map(({ spec }) => spec),
      [...placements.keys()],
    ),
    agentSections,
  }
}

function toManifest(services: readonly ServiceSpec[], placements: readonly string[]): Manifest {
  return { services: Object.fromEntries(services.map((spec) => [spec.name, spec])), placements }
}
