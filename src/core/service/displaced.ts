import { specHash } from '../manifest/diff.ts'
import type { NodeId } from '../model/ids.ts'
import type { Node } from '../model/node.ts'
import { type ServiceSpec, specOn } from '../model/service.ts'
import type { Task } from '../model/task.ts'
import { matchesPlacement } from './slots.ts'

/** Says why a task has to leave the node that it is on; null: it may stay. */
export type Displacement = (task: Task) => string | null

/** Judges the tasks of a service by what its nodes are now. A node that only takes no new tasks keeps those it has. */
export function displacementOn(spec: ServiceSpec, nodes: readonly Node[]): Displacement {
  const byId = new Map<NodeId, Node>(nodes.map((node) => [node.id, node]))
  return (task) => {
    const node = task.node === null ? undefined : byId.get(task.node)
    if (node === undefined) return null
    if (node.availability === 'drain') return `node ${node.id} is drained`
    if (!matchesPlacement(spec, node)) return `node ${node.id} has placement ${node.placement}`
    return madeForAnother(task, spec, node) ? `node ${node.id} has placement ${node.placement} now` : null
  }
}

/** Whether the placement that its node has now asks for another container. */
function madeForAnother({ placement, specHash: hash }: Task, spec: ServiceSpec, node: Node): boolean {
  if (placement === null || placement === node.placement || hash !== specHash(spec)) return false
  return specHash(specOn(spec, placement)) !== specHash(specOn(spec, node.placement))
}
