import type { EventDraft } from '../core/model/event.ts'
import type { Millis, NodeId } from '../core/model/ids.ts'
import type { Node } from '../core/model/node.ts'
import { keyOf } from '../core/model/objects.ts'
import { isAlive } from '../core/model/task.ts'
import { statusWhenThere } from '../core/node/join.ts'
import { loseTask } from './lose-task.ts'
import { commitPart, type PassDeps } from './pass.ts'

/** Says when a node that is drained has become empty, and gives up what is on a node that left the cluster. */
export async function reconcileNode(id: NodeId, deps: PassDeps): Promise<Millis | null> {
  const { world, clock } = deps
  const key = keyOf('node', id)
  const node = world.mirror.get(key)?.value
  const alive = world.mirror
    .tasksOn(id)
    .map(({ value }) => value)
    .filter(isAlive)
  if (node === undefined) {
    // The scheduler may have chosen it at the moment when it left.
    const steps = alive.map((task) => loseTask(task, `node ${id} left the cluster`, 'control', clock.now()))
    return commitPart(deps, [key], steps, null)
  }
  if (node.status !== 'ready' && node.status !== 'draining') return null
  const status = statusWhenThere(node, alive.length > 0)
  if (status === node.status) return null
  const steps = [
    { writes: [{ put: key, value: { ...node, status } }], events: [statusEvent(node, status, clock.now())] },
  ]
  return commitPart(
    deps,
    alive.map((task) => keyOf('task', task.id)),
    steps,
    null,
  )
}

function statusEvent({ id, name, availability }: Node, status: Node['status'], at: Millis): EventDraft {
  const empty = status === 'ready' && availability === 'drain'
  const message = `node ${id} (${name}) is ${empty ? 'drained: no task is left on it' : status}`
  return { kind: 'node.changed', object: `node/${id}`, service: null, message, by: 'control', at }
}
