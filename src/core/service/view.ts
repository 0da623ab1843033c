import { specHash } from '../manifest/diff.ts'
import type { Millis } from '../model/ids.ts'
import type { Dispatch } from '../model/manifest.ts'
import type { Node } from '../model/node.ts'
import { runtimeOf, type ServiceHealth, type ServiceSpec } from '../model/service.ts'
import { isTerminal, isWanted, newestOf, type Task } from '../model/task.ts'
import type { DispatchView, ServiceView, TaskView } from '../model/view.ts'
import { hindrancesOf, unreachableNodes } from './hindrance.ts'
import { wantedSlots } from './slots.ts'

/** What listings and the API show of a task, as far as it is known what became of it on an unreachable node. */
export function viewTaskAmong(nodes: readonly Node[]): (task: Task) => TaskView {
  const away = unreachableNodes(nodes)
  return (task) => {
    const view = viewTask(task)
    if (!away.has(view.node ?? 0) || isTerminal(view.state)) return view
    return { ...view, ready: false, message: `node ${view.node} is unreachable: it may still run there` }
  }
}

/** What listings and the API show of a task by itself. */
export function viewTask(task: Task): TaskView {
  const { id, service, slot, attempt, node, desired, hostPorts: ports, createdAt, spec, status } = task
  const { state, ready, restarts, address, containerId, exitCode, startedAt, finishedAt } = status
  const runtime = runtimeOf(spec)
  const { image } = spec.container
  // Why it was made is of interest until it is there.
  const because = isTerminal(state) ? '' : task.because
  const message = task.refusal ?? (status.message === '' ? because : status.message)
  return {
    ...{ id, service, slot, attempt, node, state, desired, ready, restarts, runtime, image, ports },
    ...{ address, containerId, exitCode, message, createdAt, startedAt, finishedAt },
  }
}

/** What listings and the API show of a task that was started by hand. `tasks`: its attempts that are still kept. */
export function viewDispatch({ last, ...dispatch }: Dispatch, tasks: readonly Task[]): DispatchView {
  const newest = newestOf(tasks) ?? last
  return { ...dispatch, task: newest === null ? null : viewTask(newest) }
}

/**
 * What listings and the API show of a service. Healthy: every slot has a ready task of the newest spec, or its job is
 * done. Degraded: something serves, but not that. Unhealthy: nothing serves. Paused: no task is wanted.
 */
export function viewService(
  spec: ServiceSpec,
  tasks: readonly Task[],
  dispatch: string | null,
  nodes: readonly Node[],
): ServiceView {
  const hash = specHash(spec)
  const replicas = wantedSlots(spec, nodes).length
  const away = unreachableNodes(nodes)
  const ready = tasks.filter((task) => isWanted(task) && task.status.ready && !away.has(task.node ?? 0))
  const hindrances = hindrancesOf(spec, hash, tasks, nodes)
  return {
    name: spec.name,
    mode: spec.mode,
    runtime: runtimeOf(spec),
    image: spec.container.image,
    replicas,
    running: tasks.filter((task) => task.status.state === 'running').length,
    ready: ready.length,
    current: ready.filter((task) => task.specHash === hash).length,
    health: healthOf(replicas, ready.length, hindrances.length),
    message: hindrances[0]?.message ?? (replicas === 0 ? noSlots(spec) : ''),
    updatedAt: Math.max(0, ...tasks.map(changedAt)),
    dispatch,
  }
}

function healthOf(replicas: number, ready: number, hindered: number): ServiceHealth {
  if (replicas === 0) return 'paused'
  if (hindered === 0) return 'healthy'
  return ready > 0 || hindered < replicas ? 'degraded' : 'unhealthy'
}

function noSlots({ mode, placements }: ServiceSpec): string {
  if (mode !== 'global') return 'scaled to 0'
  return placements.length === 0
    ? 'no node takes tasks'
    : `no node with placement ${placements.join(' or ')} takes tasks`
}

function changedAt({ createdAt, status: { startedAt, readyAt, finishedAt } }: Task): Millis {
  return Math.max(createdAt, startedAt ?? 0, readyAt ?? 0, finishedAt ?? 0)
}
