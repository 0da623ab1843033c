import type { NodeId } from '../src/core/model/ids.ts'
import { LEVEL } from '../src/core/model/level.ts'
import type { Hello } from '../src/core/model/message.ts'
import type { Authority } from '../src/drivers/pki/authority.ts'
import type { StoredIdentity } from '../src/drivers/pki/identity-files.ts'
import { issueCertificate } from '../src/drivers/pki/issue-certificate.ts'
import { newKeyAndRequest } from '../src/drivers/pki/request.ts'
import { aNode } from '../test/builders.ts'

export const CLUSTER = '0123456789abcdef'
/** As many bytes as a PING of HTTP/2. */
export const BEAT_BYTES = 17

/** What a process of simulated agents is told. */
export type FleetOrder =
  | { readonly do: 'join'; readonly linkPort: number; readonly barePort: number; readonly overMs: number }
  /** Each agent says something new with that probability, at a random moment. */
  | { readonly do: 'report'; readonly overMs: number; readonly part: number }
  /** Forget who was back when. */
  | { readonly do: 'forget' }
  | { readonly do: 'tell' }

/** When agents were given their assignment since they were told to forget, and bare connections were open; since 1970. */
export interface FleetNews {
  readonly ready: boolean
  readonly served: readonly number[]
  readonly bareOpen: readonly number[]
}

/** What a server says of itself. */
export interface Figures {
  /** Of user and system, since it began. */
  readonly cpuMs: number
  readonly rssBytes: number
  /** Connections of agents that it has taken since it began, and that have ended. */
  readonly taken: number
  readonly ended: number
}

export async function certify(authority: Authority, role: 'server' | 'agent', nodeId: number): Promise<StoredIdentity> {
  const { key, request } = await newKeyAndRequest()
  const terms = { clusterId: CLUSTER, role, nodeId, addresses: ['127.0.0.1'], now: Date.now() }
  const certificate = await issueCertificate(authority, request, terms)
  return { key, certificate, bundle: authority.certificate, clusterKey: null }
}

/** The figures of this process. */
export function figures(connections: Pick<Figures, 'taken' | 'ended'>): Figures {
  const { user, system } = process.cpuUsage()
  return { cpuMs: (user + system) / 1_000, rssBytes: process.memoryUsage.rss(), ...connections }
}

/** What the simulated agent of a node says of itself. */
export function helloOf(nodeId: NodeId): Hello {
  const { id: _, ...node } = aNode()
  const name = `agent-${nodeId}`
  const itself = { name, hostname: name, machineId: name, nodeId, address: '127.0.0.1' }
  return { ...node, ...itself, kind: 'hello', level: LEVEL, authority: null }
}
