import type { TaskId } from '../../core/model/ids.ts'
import type { ContainerOrder } from '../../ports/runtime.ts'

/** Marks everything that Gantry makes in an engine: what does not carry it is never touched. */
export const CLUSTER_LABEL = 'gantry.cluster'
export const TASK_LABEL = 'gantry.task'
export const SPEC_HASH_LABEL = 'gantry.spec-hash'

/** The labels of a container: the user's, and ours, which win. */
export function containerLabels(order: ContainerOrder, clusterId: string): Readonly<Record<string, string>> {
  return {
    ...order.spec.labels,
    [CLUSTER_LABEL]: clusterId,
    [TASK_LABEL]: order.taskId,
    'gantry.service': order.service,
    'gantry.slot': String(order.slot),
    'gantry.attempt': String(order.attempt),
    [SPEC_HASH_LABEL]: order.specHash,
  }
}

/** Carries task and attempt, so it is never used twice, and enough of the cluster to tell two on one machine apart. */
export function containerName(taskId: TaskId, clusterId: string): string {
  return `${taskId}.${clusterId.slice(0, 8)}`
}
