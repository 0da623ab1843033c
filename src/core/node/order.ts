import type { Node } from '../model/node.ts'
import type { Task } from '../model/task.ts'

/** What a runtime is asked to make for a task; see ports/runtime. */
export interface Order {
  readonly taskId: string
  readonly service: string
  readonly slot: number
  readonly attempt: number
  readonly specHash: string
  readonly spec: Task['spec']['container']
  readonly hostPorts: Task['hostPorts']
  readonly memoryBytes: number | null
}

/** Facts of the node that a container's variables and limits depend on. */
export interface OrderContext {
  readonly nodeId: number
  readonly publicAddress: Node['publicAddress']
  readonly memoryBytes: number
}

/** Completes a task's container for the node it runs on: the promised variables, and limits given as a share of the node. */
export function orderFor(task: Task, context: OrderContext): Order {
  const { container } = task.spec
  const { memoryBytes, memoryPercent } = container.limits
  return {
    taskId: task.id,
    service: task.service,
    slot: task.slot,
    attempt: task.attempt,
    specHash: task.specHash,
    spec: { ...container, env: { ...promisedEnv(task, context), ...container.env } },
    hostPorts: task.hostPorts,
    memoryBytes: memoryPercent === null ? memoryBytes : Math.floor((context.memoryBytes * memoryPercent) / 100),
  }
}

/** Variables that every task gets; the manifest's own win. */
function promisedEnv(task: Task, context: OrderContext): Record<string, string> {
  const env: Record<string, string> = {
    NODE_ID: String(context.nodeId),
    SERVICE_NAME: task.service,
    CONTAINER_NAME: task.id,
    GANTRY_TASK: task.id,
    GANTRY_SLOT: String(task.slot),
  }
  if (context.publicAddress !== null && task.spec.container.ports.length > 0)
    env['PUBLIC_HOST_IP'] = context.publicAddress
  return env
}
