import { unreachable } from '../../lib/assert.ts'
import { OperationalError } from '../errors.ts'
import type { NodeId } from '../model/ids.ts'
import {
  type Availability,
  type DismissedMachine,
  NO_SETTINGS,
  type Node,
  type NodeFact,
  type NodeSettings,
  type NodeStatus,
} from '../model/node.ts'
import type { NodeChange, NodeSet } from '../model/plan.ts'
import { factsOf, statusWhenThere, withLabels } from '../node/join.ts'

/** What a change of a node leads to. */
export interface NodeTarget {
  /** As it is, or as it was when it was removed. */
  readonly from: Node
  /** null: it is not in the cluster any more. */
  readonly to: Node | null
  /** Its id is free from then on, because its machine becomes another node. */
  readonly freed: NodeId | null
  /** Whose machine is not wanted any more, and why; null: nobody's. */
  readonly dismisses: DismissedMachine['because'] | null
  /** Whether all that has not ended there is given up. */
  readonly losesTasks: boolean
}

/** Works out what a change of a node leads to. Throws NOT_FOUND for an unknown node, USAGE for what makes no sense. */
export function nodeTarget(
  change: NodeChange,
  nodes: readonly Node[],
  dismissed: readonly DismissedMachine[],
): NodeTarget {
  const from = nodes.find(({ id }) => id === change.node)
  if (change.kind === 'replace-node') return replacement(change, from ?? removedNode(change.node, dismissed), nodes)
  if (from === undefined) throw unknown(change.node)
  const kept = { from, freed: null, dismisses: null, losesTasks: false }
  switch (change.kind) {
    case 'node':
      return { ...kept, to: withSet(from, change.set) }
    case 'remove-node':
      return { ...kept, to: null, dismisses: 'removed', losesTasks: true }
    case 'fence-node':
      return { ...kept, to: from, losesTasks: true }
    default:
      return unreachable(change)
  }
}

function unknown(id: NodeId): OperationalError {
  return new OperationalError('NOT_FOUND', `there is no node ${id}`, { hint: '`gantry nodes` lists them' })
}

/** A node with what a user sets of it. What its agent has not said yet stays until it says so. */
function withSet(node: Node, set: NodeSet): Node {
  const { availability, labels = {} } = set
  const { settings: before = NO_SETTINGS } = node
  const settings = { ...settingsWith(set, before), labels: { ...before.labels, ...labels } }
  return {
    ...node,
    availability: availability ?? node.availability,
    status: availability === undefined ? node.status : statusAfter(node, availability),
    ...factsOf(withoutReset(node, set), settings),
    labels: withLabels(node.labels, labels),
    settings,
  }
}

/** What a node is when nothing is set: what it is already, and where a user takes back what he set, what its agent said. */
function withoutReset(node: Node, set: NodeSet): Pick<Node, NodeFact> {
  const said = node.said ?? node
  return {
    placement: set.placement === null ? said.placement : node.placement,
    publicAddress: set.publicAddress === null ? said.publicAddress : node.publicAddress,
    region: set.region === null ? said.region : node.region,
    zone: set.zone === null ? said.zone : node.zone,
  }
}

function settingsWith(set: NodeSet, before: NodeSettings): Omit<NodeSettings, 'labels'> {
  return {
    placement: set.placement === undefined ? before.placement : set.placement,
    publicAddress: set.publicAddress === undefined ? before.publicAddress : set.publicAddress,
    ...setOrNone('region', set, before),
    ...setOrNone('zone', set, before),
  }
}

/** The settings have no word for what is as the agent says, and null for none. */
function setOrNone(
  fact: 'region' | 'zone',
  { [fact]: asked }: NodeSet,
  { [fact]: before }: NodeSettings,
): Pick<NodeSettings, 'region' | 'zone'> {
  if (asked === undefined) return before === undefined ? {} : { [fact]: before }
  return asked === null ? {} : { [fact]: asked === '' ? null : asked }
}

/** It drains from now on, and is ready again as soon as nothing is left. */
function statusAfter({ status, availability: before }: Node, availability: Availability): NodeStatus {
  const there = status === 'ready' || status === 'draining'
  return there && availability !== before ? statusWhenThere({ availability }, true) : status
}

/** The newest node that was removed with that id, as long as nobody else has it. */
function removedNode(id: NodeId, dismissed: readonly DismissedMachine[]): Node {
  const [last] = dismissed
    .filter(({ node, because }) => node.id === id && because === 'removed')
    .sort((a, b) => b.at - a.at)
  if (last === undefined) throw unknown(id)
  return { ...last.node, machineId: null, status: 'removed' }
}

function replacement(
  change: NodeChange & { readonly kind: 'replace-node' },
  from: Node,
  nodes: readonly Node[],
): NodeTarget {
  const { placement, publicAddress, region, zone, labels, settings = NO_SETTINGS } = from
  // What its agent said of itself is what the machine that takes its place is to be.
  const kept = { placement, publicAddress, region, zone, labels: { ...settings.labels, ...labels } }
  const { said: _, ...known } = from
  const place: Node = {
    ...known,
    machineId: null,
    reserved: true,
    status: 'unreachable',
    availability: 'active',
    settings: kept,
  }
  const rest = { from, dismisses: from.machineId === null ? null : ('replaced' as const), losesTasks: true }
  if (change.with === null) return { ...rest, to: place, freed: null }
  const other = nodes.find(({ id }) => id === change.with)
  if (other === undefined) throw unknown(change.with)
  if (other.id === from.id) throw new OperationalError('USAGE', `node ${from.id} cannot take its own place`)
  const { machineId, name, hostname, address, status, said, capacity, runtimes, version } = other
  const itself = { machineId, name, hostname, address, status, ...(said === undefined ? {} : { said }) }
  const to = { ...place, ...itself, reserved: false, capacity, runtimes, version }
  return { ...rest, to: { ...to, labels: withLabels(other.labels, kept.labels) }, freed: other.id }
}
