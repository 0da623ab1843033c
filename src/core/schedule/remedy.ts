import type { Node } from '../model/node.ts'
import type { Task } from '../model/task.ts'
import { demandOf } from './demand.ts'
import { chargeFleet } from './fleet.ts'
import { remedySentence } from './refusal.ts'

/**
 * Says what would be the smallest change that lets a task run, e.g. `fits if node 1 had 512 MB more memory`. `alive`:
 * the tasks that hold something on the nodes. null: a node can take it as things are.
 */
export function remedyFor(task: Task, nodes: readonly Node[], alive: readonly Task[]): string | null {
  const fleet = chargeFleet(nodes, alive)
  const demand = demandOf(task.spec, fleet)
  if (task.spec.mode !== 'global') return remedySentence(fleet, fleet.nodes.keys(), demand)
  const home = fleet.positions.get(task.slot)
  return home === undefined ? `fits if node ${task.slot} joined` : remedySentence(fleet, [home], demand)
}
