import type { Millis, NodeId } from '../model/ids.ts'
import type { Hello } from '../model/message.ts'
import {
  type DismissedMachine,
  NO_SETTINGS,
  type Node,
  type NodeFact,
  type NodeSettings,
  type NodeStatus,
} from '../model/node.ts'

export type JoinVerdict =
  | { readonly kind: 'welcome'; readonly node: NodeId }
  /** A user sent this machine away: it must stop what it runs. */
  | { readonly kind: 'dismissed'; readonly machine: DismissedMachine; readonly message: string }
  /** It is another node than its certificate says, and can have one that says so. */
  | { readonly kind: 'renew'; readonly message: string }
  | { readonly kind: 'refuse'; readonly message: string }

/** What the connection of an agent says of it. */
export interface Certified {
  readonly nodeId: NodeId
  /** Why its certificate is not believed any more; null: it is. */
  readonly barred: string | null
  /** It was given after the backup was made that this state comes from. */
  readonly isNewer: boolean
}

type Introduction = Pick<Hello, 'nodeId' | 'machineId' | 'name'>

const ANEW = 'to join as a new node, stop its agent, remove agent.json from its data directory and start it again'
const REJOIN =
  'to join as a new node, remove agent.json and identity from its data directory and start it with a new join token'

/**
 * Decides which node an agent stands for: the one that its certificate names; the one that its machine is; one that its
 * state names and that has no machine; the one of its name, if it has lost its state; one whose place is kept for another
 * machine; else the smallest free id. `certified`: what its certificate says; null: it has none.
 * A certificate that is not believed any more opens nothing; it only tells which words are for this machine.
 * `isPutBack`: the state comes from a backup, so an id may have gone to another machine since; that one is a new node then.
 */
export function judgeJoin(
  { nodeId, machineId, name }: Introduction,
  certified: Certified | null,
  nodes: readonly Node[],
  dismissed: readonly DismissedMachine[],
  isPutBack: boolean,
): JoinVerdict {
  const itself = nodes.find((node) => node.machineId === machineId)
  if (itself !== undefined && (certified === null || isGoodFor(certified, itself.id)))
    return { kind: 'welcome', node: itself.id }
  const sentAway = dismissed.find((machine) => machine.machineId === machineId)
  if (sentAway !== undefined && itself === undefined)
    return { kind: 'dismissed', machine: sentAway, message: dismissalOf(sentAway, certified === null ? ANEW : REJOIN) }
  if (certified !== null) {
    if (itself !== undefined)
      return { kind: 'renew', message: `this machine is node ${itself.id}; it needs a certificate that says so` }
    if (certified.barred !== null) return { kind: 'refuse', message: `${certified.barred}; ${REJOIN}` }
    return judgeCertified(certified, nodes, dismissed)
  }
  if (nodeId !== null) {
    const named = nodes.find(({ id }) => id === nodeId)
    if (named === undefined || (named.machineId ?? null) === null) return { kind: 'welcome', node: nodeId }
    if (isPutBack) return { kind: 'welcome', node: smallestFree(nodes) }
    return { kind: 'refuse', message: `node ${nodeId} is another machine, ${named.hostname}; ${ANEW}` }
  }
  const same = nodes.find((node) => node.name === name) ?? nodes.find(({ reserved }) => reserved)
  return { kind: 'welcome', node: same?.id ?? smallestFree(nodes) }
}

function isGoodFor({ nodeId, barred }: Certified, id: NodeId): boolean {
  return barred === null && nodeId === id
}

/** A certificate is good for its node only as long as no other machine may have the same. */
function judgeCertified(
  { nodeId: id, isNewer }: Certified,
  nodes: readonly Node[],
  dismissed: readonly DismissedMachine[],
): JoinVerdict {
  const node = nodes.find((one) => one.id === id)
  // Of a node that is there, another machine has the certificates that are known.
  if (isNewer) return { kind: 'welcome', node: node === undefined || node.reserved ? id : smallestFree(nodes) }
  if (node === undefined) return { kind: 'refuse', message: `there is no node ${id} in this cluster; ${REJOIN}` }
  const hadOthers = dismissed.some((machine) => machine.node.id === id)
  if ((node.machineId ?? null) === null || !hadOthers) return { kind: 'welcome', node: id }
  return { kind: 'refuse', message: `node ${id} is another machine, ${node.hostname}; ${REJOIN}` }
}

function dismissalOf({ node, because, by }: DismissedMachine, help: string): string {
  const what = because === 'removed' ? 'was removed from this cluster' : 'was replaced by another machine'
  return `node ${node.id} (${node.name}) ${what} by ${by}; ${help}`
}

/** The id that the next new node gets. */
export function smallestFree(nodes: readonly Node[]): NodeId {
  const taken = new Set(nodes.map((node) => node.id))
  let id = 1
  while (taken.has(id)) id += 1
  return id
}

/** The hello with a name that no other node has, for commands take names: its own one so far, else one with its id. */
export function withOwnName(hello: Hello, id: NodeId, present: Node | null, nodes: readonly Node[]): Hello {
  const isFree = (name: string): boolean => !nodes.some((node) => node.name === name && node.id !== id)
  if (isFree(hello.name)) return hello
  const isNamed = present !== null && isFree(present.name)
  return { ...hello, name: isNamed ? present.name : `${hello.name}-${id}` }
}

/** The record of a node from what its agent says and what is known of it. What users set wins. */
export function joinedNode(hello: Hello, id: NodeId, present: Node | null, status: NodeStatus, now: Millis): Node {
  const settings = present?.settings ?? NO_SETTINGS
  const said = saidBy(hello, present)
  return {
    id,
    machineId: hello.machineId,
    reserved: false,
    name: hello.name,
    hostname: hello.hostname,
    availability: present?.availability ?? 'active',
    status,
    address: hello.address,
    ...factsOf(said, settings),
    labels: withLabels(hello.labels, settings.labels),
    settings,
    said,
    capacity: hello.capacity,
    runtimes: hello.runtimes,
    version: hello.version,
    joinedAt: present?.joinedAt ?? now,
  }
}

/** An agent of an older version says nothing of region and zone. */
function saidBy({ placement, publicAddress, region, zone }: Hello, present: Node | null): Pick<Node, NodeFact> {
  const before = present?.said ?? present
  return {
    placement,
    publicAddress,
    region: region === undefined ? (before?.region ?? null) : region,
    zone: zone === undefined ? (before?.zone ?? null) : zone,
  }
}

/** What a node is: as its agent says, unless a user set it. */
export function factsOf(said: Pick<Node, NodeFact>, settings: NodeSettings): Pick<Node, NodeFact> {
  return {
    placement: settings.placement ?? said.placement,
    publicAddress: settings.publicAddress ?? said.publicAddress,
    region: settings.region === undefined ? said.region : settings.region,
    zone: settings.zone === undefined ? said.zone : settings.zone,
  }
}

/** Labels with those that users set or took away. */
export function withLabels(labels: Node['labels'], set: NodeSettings['labels']): Node['labels'] {
  const all: Record<string, string> = {}
  for (const [key, value] of Object.entries({ ...labels, ...set })) if (value !== null) all[key] = value
  return all
}

/** What a node is whose agent is connected. `busy`: tasks are left on it. */
export function statusWhenThere({ availability }: Pick<Node, 'availability'>, busy: boolean): NodeStatus {
  return availability === 'drain' && busy ? 'draining' : 'ready'
}
