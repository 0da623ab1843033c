import type { Millis } from '../model/ids.ts'
import type { Node } from '../model/node.ts'
import type { ClusterView } from '../model/view.ts'
import { leaderOf } from '../node/leader-condition.ts'
import type { SettingView } from '../settings/settings.ts'

/** A node as GoCluster's UI reads it, and as its command line does, which came earlier and has other words. */
export interface GoclusterNode {
  /** Our name of the node: `<hostname>:<discovery port>`. */
  readonly id: string
  readonly hostname: string
  /** `host:port` */
  readonly address: string
  readonly port: number
  readonly status: 'running' | 'unreachable'
  readonly state: 'leader' | 'follower' | 'offline'
  readonly last_seen: string
  readonly is_leader: boolean
  readonly metadata: Readonly<Record<string, string>>
}

export interface GoclusterStatus {
  readonly cluster_state: {
    readonly nodes: Readonly<Record<string, GoclusterNode>>
    /** Empty when nobody leads. */
    readonly leader: string
    readonly last_updated: string
    readonly version: number
  }
  readonly node_id: string
  readonly is_leader: boolean
  readonly timestamp: string
  readonly cluster_name: string
  readonly local_node: GoclusterNode | null
  readonly leader: GoclusterNode | null
  readonly nodes: readonly GoclusterNode[]
}

export interface GoclusterNodes {
  readonly nodes: Readonly<Record<string, GoclusterNode>>
  /** The same as a list, in the order of their numbers. */
  readonly items: readonly GoclusterNode[]
  readonly count: number
}

/** The fields of the leader stand beside it, where the command line looks for them. They are left out when nobody leads. */
export interface GoclusterLeader
  extends Partial<Pick<GoclusterNode, 'id' | 'hostname' | 'address' | 'port' | 'last_seen'>> {
  readonly leader_id: string
  readonly leader_node: GoclusterNode | null
  readonly is_leader: boolean
}

/** What an event stream of GoCluster repeats. */
export interface GoclusterPulse {
  readonly timestamp: string
  readonly nodes: number
  readonly running: number
  readonly leader: string
}

/** Everything that the answers are made of. */
export interface GoclusterView {
  readonly view: ClusterView
  /** Name of the server that answers. */
  readonly self: string
  readonly now: Millis
  /** When a node was last known to answer. */
  readonly lastSeenAt: (node: Node) => Millis
  /** Prints a time. */
  readonly iso: (at: Millis) => string
}

const DISCOVERY_PORT = 7946

export function goclusterStatus(given: GoclusterView): GoclusterStatus {
  const { view, self, now, iso } = given
  const { nodes, items } = goclusterNodes(given)
  const leader = leaderOf(view)?.holder ?? ''
  return {
    cluster_state: { nodes, leader, last_updated: iso(now), version: view.storeRevision },
    node_id: self,
    is_leader: self === leader,
    timestamp: iso(now),
    cluster_name: view.cluster.name,
    local_node: nodes[self] ?? null,
    leader: nodes[leader] ?? null,
    nodes: items,
  }
}

export function goclusterNodes(given: GoclusterView): GoclusterNodes {
  const items = given.view.nodes.filter(({ status }) => status !== 'removed').map((node) => goclusterNode(node, given))
  return { nodes: Object.fromEntries(items.map((node) => [node.id, node])), items, count: items.length }
}

export function goclusterLeader(given: GoclusterView): GoclusterLeader {
  const { cluster_state, leader, is_leader } = goclusterStatus(given)
  const known = { leader_id: cluster_state.leader, leader_node: leader, is_leader }
  if (leader === null) return known
  const { id, hostname, address, port, last_seen } = leader
  return { ...known, id, hostname, address, port, last_seen }
}

export function goclusterPulse(given: GoclusterView): GoclusterPulse {
  const { cluster_state, nodes, timestamp } = goclusterStatus(given)
  const running = nodes.filter(({ status }) => status === 'running').length
  return { timestamp, nodes: nodes.length, running, leader: cluster_state.leader }
}

/** What is configured, as names and values. It holds no secret. */
export function goclusterConfig(
  { view, self }: GoclusterView,
  settings: readonly SettingView[],
): Readonly<Record<string, string>> {
  return {
    ...Object.fromEntries(settings.map(({ key, value }) => [key, value])),
    'cluster.id': view.cluster.id,
    'backend.type': view.store,
    node: self,
    version: view.version,
  }
}

function goclusterNode(node: Node, { view, lastSeenAt, iso }: GoclusterView): GoclusterNode {
  const isLeader = node.name === leaderOf(view)?.holder
  const running = node.status !== 'unreachable'
  const port = Number(/:(\d{1,5})$/.exec(node.name)?.[1] ?? DISCOVERY_PORT)
  const state = isLeader ? 'leader' : 'follower'
  return {
    id: node.name,
    hostname: node.hostname,
    address: `${node.address ?? node.publicAddress ?? node.hostname}:${port}`,
    port,
    status: running ? 'running' : 'unreachable',
    state: running ? state : 'offline',
    last_seen: iso(lastSeenAt(node)),
    is_leader: isLeader,
    metadata: { hostname: node.hostname, ...(node.region === null ? {} : { region: node.region }) },
  }
}
