import { unreachable } from '../../lib/assert.ts'
import type { NodeId } from '../model/ids.ts'
import type { Node } from '../model/node.ts'
import type { NodeChange, PlanNote } from '../model/plan.ts'
import { isAlive, type Task } from '../model/task.ts'
import { isHeldWhereItWas } from '../schedule/need.ts'
import type { NodeTarget } from './node-target.ts'

/** What a change of a node is judged by. */
export interface NodeSituation {
  readonly change: NodeChange
  readonly target: NodeTarget
  readonly nodes: readonly Node[]
  /** All tasks of the cluster. */
  readonly tasks: readonly Task[]
  /** Names of servers. */
  readonly servers: ReadonlySet<string>
  /** Nodes whose agent is connected, or was a moment ago. */
  readonly connected: ReadonlySet<NodeId>
  /** Tasks that would leave the node, with those that would be stopped there. */
  readonly leaving: readonly Task[]
  /** Why new tasks would find no node, by service. */
  readonly refusals: readonly PlanNote[]
}

/** Why a change of a node cannot be carried out, or would cost something, which `force` accepts. */
export interface NodeObjections {
  readonly blockers: readonly PlanNote[]
  readonly notes: readonly PlanNote[]
}

/** Judges whether a change of a node may be carried out. Each objection says what would help. */
export function nodeObjections(situation: NodeSituation): NodeObjections {
  const { change } = situation
  switch (change.kind) {
    case 'node': {
      const costs = [...situation.leaving.flatMap(costOfMoving), ...situation.refusals]
      return change.force ? { blockers: [], notes: costs } : { blockers: costs.map(unlessForced), notes: [] }
    }
    case 'remove-node':
      return { blockers: removalBlockers(situation, change.force), notes: [] }
    case 'fence-node':
      return { blockers: fenceBlockers(situation, change.confirmDead), notes: [] }
    case 'replace-node':
      return { blockers: replacementBlockers(situation), notes: [] }
    default:
      return unreachable(change)
  }
}

function note(service: string | null, message: string): PlanNote {
  return { service, field: null, message }
}

function unlessForced({ message, ...rest }: PlanNote): PlanNote {
  return { ...rest, message: `${message}; --force goes ahead` }
}

/** What is lost when a task starts anew on another node. */
function costOfMoving({ id, service, spec, node }: Task): PlanNote[] {
  if (spec.mode === 'global') return []
  const costs: PlanNote[] = []
  if (spec.exclusive) costs.push(note(service, `${id} is exclusive: it stops before another may start elsewhere`))
  for (const mount of spec.container.mounts) {
    if (mount.kind !== 'data' && mount.readOnly) continue
    const what = mount.kind === 'data' ? `its directory ${mount.target}` : `${mount.kind} ${mount.source}`
    costs.push(note(service, `${id} keeps data in ${what} of node ${node}, which does not move with it`))
  }
  if (spec.mode === 'job') costs.push(note(service, `${id} is a job: it begins anew elsewhere`))
  return costs
}

function aliveOn(id: NodeId, tasks: readonly Task[]): readonly Task[] {
  return tasks.filter((task) => task.node === id && isAlive(task))
}

/** Tasks that may run nowhere else while nobody knows whether their machine is off. */
function heldOn(id: NodeId, tasks: readonly Task[]): readonly Task[] {
  return aliveOn(id, tasks).filter(({ spec }) => isHeldWhereItWas(spec))
}

function names(tasks: readonly Task[]): string {
  const shown = tasks.slice(0, 3).map(({ id }) => id)
  return tasks.length > shown.length ? `${shown.join(', ')} and ${tasks.length - shown.length} more` : shown.join(', ')
}

function isThere({ from }: NodeTarget, connected: ReadonlySet<NodeId>): boolean {
  return connected.has(from.id) || from.status === 'ready' || from.status === 'draining'
}

function removalBlockers({ target, tasks, servers, connected }: NodeSituation, force: boolean): PlanNote[] {
  const { id, name, availability } = target.from
  if (servers.size === 1 && servers.has(name))
    return [note(null, `node ${id} is the only server; \`gantry uninstall\` there ends the cluster`)]
  const left = aliveOn(id, tasks)
  if (isThere(target, connected)) {
    if (availability !== 'drain')
      return [note(null, `node ${id} is in use; \`gantry node drain ${id}\` first, so that nothing is lost`)]
    if (left.length > 0)
      return [note(null, `node ${id} is not empty yet: ${names(left)}; \`gantry node drain ${id}\` waits for them`)]
    return []
  }
  if (left.length === 0) return []
  const held = heldBlockers(target.from, tasks)
  if (held.length > 0 || force) return held
  return [unlessForced(note(null, `node ${id} is unreachable, and ${names(left)} would be given up as lost`))]
}

function heldBlockers({ id }: Node, tasks: readonly Task[]): PlanNote[] {
  const held = heldOn(id, tasks)
  if (held.length === 0) return []
  const why = `${names(held)} may still run there, and nowhere else meanwhile`
  return [note(null, `${why}; once the machine is off, \`gantry node fence ${id} --confirm-dead\` says so`)]
}

function fenceBlockers({ target, connected }: NodeSituation, confirmed: boolean): PlanNote[] {
  const { id } = target.from
  if (isThere(target, connected)) return [note(null, `node ${id} is ${stateOf(target)}, so its machine is not off`)]
  return confirmed ? [] : [note(null, `only a person can know that the machine of node ${id} is off: --confirm-dead`)]
}

function stateOf({ from }: NodeTarget): string {
  return from.status === 'unreachable' ? 'connected' : from.status
}

function replacementBlockers({ change, target, nodes, tasks, connected }: NodeSituation): PlanNote[] {
  const { from } = target
  if (from.status !== 'removed' && isThere(target, connected))
    return [note(null, `node ${from.id} is ${stateOf(target)}; only one that is unreachable or removed is replaced`)]
  const held = heldBlockers(from, tasks)
  if (held.length > 0) return held
  const other = nodes.find(({ id }) => id === target.freed)
  if (change.kind !== 'replace-node' || other === undefined) return []
  if (other.status !== 'ready')
    return [note(null, `node ${other.id} is ${other.status}; only a node that is ready takes the place of another`)]
  const its = aliveOn(other.id, tasks)
  if (its.length === 0) return []
  const help = `\`gantry node drain ${other.id}\` empties it`
  return [note(null, `node ${other.id} has tasks of its own, such as ${names(its.slice(0, 1))}; ${help}`)]
}
