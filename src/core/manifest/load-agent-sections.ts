import type { Problem } from '../errors.ts'
import { type AgentSections, readAgentSections } from './agent-sections.ts'
import { parseDocument } from './parse.ts'
import { SERVICE_KEYS } from './read-services.ts'
import { type Note, Report } from './report.ts'
import { checkRootKeys } from './root-keys.ts'

export interface LoadedAgentSections {
  /** Empty when there are problems. */
  readonly sections: AgentSections
  readonly problems: readonly Problem[]
  readonly notes: readonly Note[]
}

/** Loads the agent's own configuration from a file that may hold a manifest too, which is not looked at. Never throws. */
export function loadAgentSections(text: string, file: string | null): LoadedAgentSections {
  const { tree, problems } = parseDocument(text, file)
  if (tree === null) return { sections: {}, problems, notes: [] }
  const report = new Report(tree, file, problems)
  const sections = readRoot(tree.value, report)
  return { sections: report.problems.length > 0 ? {} : sections, problems: report.problems, notes: report.notes }
}

function readRoot(value: unknown, report: Report): AgentSections {
  // An empty file sets nothing.
  if (value === null || value === undefined) return {}
  if (typeof value !== 'object' || Array.isArray(value)) {
    report.problem([], 'must be a mapping with the sections of an agent', 'such as cluster: { name: production }')
    return {}
  }
  const root = value as Readonly<Record<string, unknown>>
  checkRootKeys(root, SERVICE_KEYS, report)
  return readAgentSections(root, report)
}
