import { unreachable } from '../../lib/assert.ts'
import { OperationalError } from '../errors.ts'
import type { NodeId } from '../model/ids.ts'
import { type Availability, type DismissedMachine, NO_SETTINGS, type Node, type NodeStatus } from '../model/node.ts'
import type { NodeChange, NodeSet } from '../model/plan.ts'
import { statusWhenThere, withLabels } from '../node/join.ts'

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

/** A node with what a user sets of it. */
function withSet(node: Node, set: NodeSet): Node {
  const { availability, placement, publicAddress, region, zone, labels = {} } = set
  const { settings = NO_SETTINGS } = node
  return {
    ...node,
    availability: availability ?? node.availability,
    status: availability === undefined ? node.status : statusAfter(node, availability),
    placement: placement ?? node.placement,
    publicAddress: publicAddress ?? node.publicAddress,
    region: region === undefined ? node.region : region,
    zone: zone === undefined ? node.zone : zone,
    labels: withLabels(node.labels, labels),
    settings: {
      placement: placement ?? settings.placement,
      publicAddress: publicAddress ?? settings.publicAddress,
      ...regionAndZone(settings),
      ...regionAndZone(set),
      labels: { ...settings.labels, ...labels },
    },
  }
}

/** Those of the two that were set. */
function regionAndZone({ region, zone }: Pick<NodeSet, 'region' | 'zone'>): Pick<NodeSet, 'region' | 'zone'> {
  return { ...(region === undefined ? {} : { region }), ...(zone === undefined ? {} : { zone }) }
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
  const place: Node = {
    ...from,
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
  const { machineId, name, hostname, address, status, capacity, runtimes, version } = other
  const to = { ...place, machineId, reserved: false, name, hostname, address, status, capacity, runtimes, version }
  return { ...rest, to: { ...to, labels: withLabels(other.labels, kept.labels) }, freed: other.id }
}
