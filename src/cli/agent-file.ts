import { hostname } from 'node:os'
import { OperationalError } from '../core/errors.ts'
import type { AgentSections, NodeSection } from '../core/manifest/agent-sections.ts'
import { loadAgentSections } from '../core/manifest/load-agent-sections.ts'
import { parseDuration } from '../core/manifest/units.ts'
import type { Millis } from '../core/model/ids.ts'
import { FAILURE_DETECTIONS, type FailureDetection, isHeartbeat } from '../core/node/vigilance.ts'
import { readInput } from './files.ts'
import type { StoreSettings } from './store-settings.ts'
import { settingsOfSection } from './store-settings.ts'

/** What the agent's own file sets; null: nothing. */
export interface AgentFile {
  readonly clusterName: string | null
  readonly listen: string | null
  readonly dataDir: string | null
  readonly nodeName: string | null
  readonly node: NodeSection
  readonly failureDetection: FailureDetection | null
  readonly heartbeatMs: Millis | null
  /** What it says about the store; `storeOptions` makes something of it. */
  readonly store: StoreSettings
  /** How servers are searched for, and searches answered. */
  readonly discovery: {
    /** Nodes that are asked by name: name → `host:port`. */
    readonly nodes: Readonly<Record<string, string>>
    readonly bindAddress: string | null
    readonly port: number | null
  }
}

/** Sections that are known but change nothing in this version, each with the reason. */
const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  env: 'Gantry behaves alike in every environment',
  plugins: 'operators are not part of this version',
  enable_operators: 'operators are not part of this version',
  enable_operator: 'operators are not part of this version',
  cli: 'the command line reads its options and the environment',
}
const CLUSTER_WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  enable_operators: 'operators are not part of this version',
  enable_operator: 'operators are not part of this version',
}

/**
 * Reads the agent's sections of a file for `up` and `agent`. Throws CONFIG_INVALID with all problems; what has no effect is told to
 * `warn`.
 */
export function readAgentFile(path: string, warn: (line: string) => void): AgentFile {
  const { sections, problems, notes } = loadAgentSections(readInput(path), path)
  if (problems.length > 0) throw new OperationalError('CONFIG_INVALID', `${path} has problems`, { problems })
  for (const { line, column, message } of notes) warn(`${path}:${line}:${column}: ${message}`)
  return agentFileOf(sections, (line) => warn(`${path}: ${line}`))
}

/** What stands in for a file that is not given. */
export const NO_FILE: AgentFile = {
  clusterName: null,
  listen: null,
  dataDir: null,
  nodeName: null,
  failureDetection: null,
  heartbeatMs: null,
  node: {},
  store: {},
  discovery: { nodes: {}, bindAddress: null, port: null },
}

/** What these sections set. */
export function agentFileOf(sections: AgentSections, warn: (line: string) => void): AgentFile {
  const cluster = part(sections['cluster'])
  warnOf(sections, WITHOUT_EFFECT, '', warn)
  warnOf(cluster, CLUSTER_WITHOUT_EFFECT, 'cluster.', warn)
  const port = cluster['discovery_port']
  return {
    clusterName: text(sections['cluster_name']) ?? text(cluster['name']),
    listen: text(sections['listen_addr']) ?? text(sections['listen_address']) ?? text(cluster['web_address']),
    dataDir: text(sections['data_dir']),
    nodeName: typeof port === 'number' ? `${hostname()}:${port}` : null,
    node: part(sections['node']) as NodeSection,
    failureDetection: FAILURE_DETECTIONS.find((kind) => kind === cluster['failure_detection']) ?? null,
    heartbeatMs: heartbeatOf(cluster['heartbeat']),
    store: settingsOfSection(part(sections['backend'])),
    discovery: {
      nodes: part(sections['nodes']) as Readonly<Record<string, string>>,
      bindAddress: text(cluster['bind_address']),
      port: typeof port === 'number' ? port : null,
    },
  }
}

function heartbeatOf(value: unknown): Millis | null {
  if (value === undefined) return null
  const ms = parseDuration(String(value))
  if (ms !== null && isHeartbeat(ms)) return ms
  throw new OperationalError('CONFIG_INVALID', `cannot use cluster.heartbeat: ${String(value)} is no heartbeat`, {
    hint: 'from 250ms to 10s',
  })
}

function warnOf(
  values: Readonly<Record<string, unknown>>,
  without: Readonly<Record<string, string>>,
  prefix: string,
  warn: (line: string) => void,
): void {
  for (const name of Object.keys(values))
    if (without[name] !== undefined) warn(`${prefix}${name} has no effect: ${without[name]}`)
}

function part(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}
