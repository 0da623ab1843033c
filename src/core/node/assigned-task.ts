import type { Node } from '../model/node.ts'
import { specOn } from '../model/service.ts'
import type { Task } from '../model/task.ts'

/**
 * A task as its agent must make it: with what the placement of its node sets, and the address that a user gave the node.
 * The agent knows only the options that it was started with.
 */
export function assignedTask(task: Task, { placement, settings }: Node): Task {
  const spec = specOn(task.spec, task.placement ?? placement)
  const { container } = spec
  const address = settings?.publicAddress ?? null
  if (address === null || container.ports.length === 0) return spec === task.spec ? task : { ...task, spec }
  return { ...task, spec: { ...spec, container: { ...container, env: { PUBLIC_HOST_IP: address, ...container.env } } } }
}
