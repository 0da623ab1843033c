import * as z from 'zod'
import { ROLES } from '../model/identity.ts'
import { RUNTIME_KINDS } from '../model/service.ts'
import { FAILURE_DETECTIONS } from '../node/vigilance.ts'
import { check } from './check.ts'
import type { Report } from './report.ts'
import { durationForm } from './schema-key.ts'
import { nearest } from './suggest.ts'

/** The agent's own configuration as it stands in a file: known root keys with their values, checked. */
export type AgentSections = Readonly<Record<string, unknown>>

const ENVIRONMENTS = ['local', 'dev', 'prod', 'production'] as const
const port = z.int().min(1).max(65_535)

const cluster = z.looseObject({
  name: z.string().min(1).optional(),
  discovery_port: port.optional(),
  bind_address: z.string().optional(),
  web_address: z.string().optional(),
  enable_operators: z.boolean().optional(),
  enable_operator: z.boolean().optional(),
  failure_detection: z.enum(FAILURE_DETECTIONS).optional(),
  heartbeat: durationForm.optional(),
})

const backend = z.looseObject({
  type: z.enum(['memory', 'sqlite', 'etcd', 'managed-etcd', 'zookeeper']).optional(),
  namespace: z.string().optional(),
  etcd_endpoints: z.array(z.string()).optional(),
  etcd_username: z.string().optional(),
  etcd_password: z.string().optional(),
  seeds: z.array(z.string()).optional(),
  etcd_client_port: port.optional(),
  etcd_peer_port: port.optional(),
  etcd_program: z.string().optional(),
  etcd_password_file: z.string().optional(),
  etcd_cert_file: z.string().optional(),
  etcd_key_file: z.string().optional(),
  etcd_ca_file: z.string().optional(),
  zk_hosts: z.array(z.string()).optional(),
  zk_timeout: durationForm.optional(),
  zk_session_path: z.string().optional(),
  zk_username: z.string().optional(),
  zk_password_file: z.string().optional(),
  zk_cert_file: z.string().optional(),
  zk_key_file: z.string().optional(),
  zk_ca_file: z.string().optional(),
  leader_ttl: durationForm.optional(),
  renew_interval: durationForm.optional(),
  request_timeout: durationForm.optional(),
})

const address = z.string().min(1)

/** What `gantry install` writes of a node; each says the same as the option of `up` and `agent` of that name. */
export const nodeSection = z.looseObject({
  role: z.enum(ROLES).optional(),
  name: z.string().min(1).optional(),
  placement: z.string().min(1).optional(),
  public_address: address.optional(),
  region: z.string().min(1).optional(),
  zone: z.string().min(1).optional(),
  labels: z.record(z.string(), z.string()).optional(),
  runtimes: z.array(z.enum(RUNTIME_KINDS)).readonly().optional(),
  docker_host: address.optional(),
  seeds: z.array(address).optional(),
  servers: z.array(address).optional(),
  join_token_file: z.string().min(1).optional(),
  link: address.optional(),
  advertise: address.optional(),
  address: address.optional(),
})
export type NodeSection = Readonly<z.infer<typeof nodeSection>>

/** Root keys that belong to the agent and may stand beside a manifest. */
export const AGENT_KEYS = {
  env: z.enum(ENVIRONMENTS),
  listen_addr: z.string().min(1),
  listen_address: z.string().min(1),
  data_dir: z.string().min(1),
  cluster_name: z.string().min(1),
  cluster,
  backend,
  node: nodeSection,
  nodes: z.record(z.string(), z.string()),
  plugins: z.array(z.string()),
  enable_operators: z.boolean(),
  enable_operator: z.boolean(),
  cli: z.looseObject({}),
} as const satisfies Record<string, z.ZodType>

/** Checks the sections of the agent in a document. Unknown keys inside are notes, because they change no workload. */
export function readAgentSections(root: Readonly<Record<string, unknown>>, report: Report): AgentSections {
  const sections: Record<string, unknown> = {}
  for (const [name, schema] of Object.entries(AGENT_KEYS)) {
    if (!Object.hasOwn(root, name)) continue
    const value = root[name]
    // An empty section is what a sample with everything commented out leaves behind.
    if (value !== null) sections[name] = check(schema, value, [name], report)
  }
  if ('listen_address' in sections) report.note(['listen_address'], 'listen_address is the old name of listen_addr')
  for (const [name, schema] of Object.entries({ cluster, backend, node: nodeSection }))
    noteUnknown(name, sections[name], Object.keys(schema.shape), report)
  return sections
}

function noteUnknown(section: string, value: unknown, known: readonly string[], report: Report): void {
  if (typeof value !== 'object' || value === null) return
  for (const name of Object.keys(value)) {
    if (known.includes(name)) continue
    const meant = nearest(name, known)
    report.note(
      [section, name],
      `the agent has no setting ${section}.${name}${meant === null ? '' : `; did you mean ${meant}?`}`,
    )
  }
}
