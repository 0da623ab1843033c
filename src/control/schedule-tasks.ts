import type { EventDraft } from '../core/model/event.ts'
import { type Millis, type NodeId, type TaskId, taskId } from '../core/model/ids.ts'
import { keyOf } from '../core/model/objects.ts'
import { isAlive, type Task } from '../core/model/task.ts'
import { planPlacements } from '../core/schedule/place.ts'
import type { Strategy } from '../core/schedule/strategy.ts'
import type { Write } from '../ports/store.ts'
import { commitPart, type PassDeps } from './pass.ts'

/** What one task's part of the decision writes. */
interface Step {
  readonly writes: readonly Write[]
  readonly events: readonly EventDraft[]
}

/**
 * Gives every task that waits for a node one, or says why there is none. A node whose agent is away gets none, whatever its
 * record still says.
 */
export async function scheduleTasks(
  deps: PassDeps,
  strategy: Strategy,
  isAway: (node: NodeId) => boolean,
): Promise<Millis | null> {
  const { world, clock } = deps
  const pending = world.pending()
  if (pending.length === 0) return null
  const nodes = world.nodes()
  const alive = world.tasks().filter((task) => task.node !== null && isAlive(task))
  const plan = planPlacements({
    pending,
    nodes: nodes.map((node) => (isAway(node.id) ? { ...node, status: 'unreachable' as const } : node)),
    alive,
    strategy,
    avoid: failedOn(pending, deps),
    clusterId: world.mirror.get('cluster/self')?.value.id ?? '',
  })
  const byId = new Map(pending.map((task) => [task.id, task]))
  const placementOf = new Map(nodes.map((node) => [node.id, node.placement]))
  const steps: Step[] = []

  for (const { taskId: id, node, hostPorts } of plan.placements) {
    const task = byId.get(id)
    if (task === undefined) continue
    const placement = placementOf.get(node) ?? null
    const status = { ...task.status, state: 'assigned' as const }
    const assigned: Task = { ...task, node, placement, hostPorts, refusal: null, status }
    steps.push(step(assigned, 'task.assigned', `${id} goes to node ${node}`, clock.now()))
  }
  for (const { taskId: id, message } of plan.refusals) {
    const task = byId.get(id)
    if (task === undefined || task.refusal === message) continue
    steps.push(step({ ...task, refusal: message }, 'task.refused', `${id} has no node: ${message}`, clock.now()))
  }
  // Nodes are part of the decision: one that left meanwhile must not get a task.
  return commitPart(
    deps,
    nodes.map((node) => keyOf('node', node.id)),
    steps,
    null,
  )
}

function step(task: Task, kind: 'task.assigned' | 'task.refused', message: string, at: Millis): Step {
  const { id, service } = task
  const event: EventDraft = { kind, object: `task/${id}`, service, message, by: 'control', at }
  return { writes: [{ put: keyOf('task', id), value: task }], events: [event] }
}

/** Where the attempt before failed: the next one does better elsewhere, if there is an elsewhere. */
function failedOn(pending: readonly Task[], { world }: PassDeps): ReadonlyMap<TaskId, NodeId> {
  const nodes = new Map<TaskId, NodeId>()
  for (const task of pending) {
    const before = world.mirror.get(keyOf('task', taskId(task.service, task.slot, task.attempt - 1)))?.value
    const failed = before?.status.state === 'failed' || before?.status.state === 'rejected'
    if (failed && before.node !== null) nodes.set(task.id, before.node)
  }
  return nodes
}
