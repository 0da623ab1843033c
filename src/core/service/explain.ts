import { unreachable } from '../../lib/assert.ts'
import { specHash } from '../manifest/diff.ts'
import type { Event } from '../model/event.ts'
import type { Node } from '../model/node.ts'
import type { ServiceSpec } from '../model/service.ts'
import { type Failure, isAlive, isTerminal, type Task } from '../model/task.ts'
import type { Explanation, ServiceView } from '../model/view.ts'
import { remedyFor } from '../schedule/remedy.ts'
import { hindrancesOf } from './hindrance.ts'

/** The cluster around the object that is explained. */
export interface Surroundings {
  readonly nodes: readonly Node[]
  /** All tasks of the cluster; those that have not ended hold what others may be waiting for. */
  readonly tasks: readonly Task[]
}

/** Why a task is as it is, with what would help. */
export function explainTask(task: Task, events: readonly Event[], around: Surroundings): Explanation {
  return { object: `task/${task.id}`, summary: summaryOf(task), reasons: reasonsOf(task, around), events }
}

/** Why a service is as it is: what hinders each of its slots, with what would help. */
export function explainService(
  service: ServiceView & { readonly spec: ServiceSpec },
  events: readonly Event[],
  around: Surroundings,
): Explanation {
  const { name, health, ready, replicas, spec } = service
  const tasks = around.tasks.filter((task) => task.service === name)
  const hindrances = hindrancesOf(spec, specHash(spec), tasks, around.nodes).map(({ message }) => message)
  const refused = tasks.find((task) => isAlive(task) && task.refusal !== null)
  const remedy = refused === undefined ? null : remedyOf(refused, around)
  return {
    object: `service/${name}`,
    summary:
      replicas === 0 ? `${name} is paused: ${service.message}` : `${name} is ${health}: ${ready} of ${replicas} ready`,
    reasons: remedy === null ? hindrances : [...hindrances, remedy],
    events,
  }
}

function summaryOf({ id, node, status, desired, because }: Task): string {
  const { state, ready } = status
  const message = status.message === '' && desired === 'prepared' ? because : status.message
  const where = node === null ? '' : ` on node ${node}`
  const why = message === '' ? '' : `: ${message}`
  if (desired === 'stopped' && !isTerminal(state)) return `${id} is stopping${where}`
  switch (state) {
    case 'pending':
      return `${id} waits for a node`
    case 'assigned':
      return `${id} is assigned to node ${node}; its agent has not acted yet`
    case 'preparing':
      return `${id} is being prepared${where}${why}`
    case 'starting':
      return `${id} is starting${where}${why}`
    case 'running':
      return `${id} is running${where}, ${ready ? 'ready' : 'but not ready'}${why}`
    case 'completed':
    case 'failed':
    case 'stopped':
    case 'rejected':
    case 'lost':
      return `${id} ${state}${where}${why}`
    default:
      return unreachable(state)
  }
}

function reasonsOf(task: Task, around: Surroundings): string[] {
  const { refusal, desired, because, node, status } = task
  const reasons: string[] = []
  if (!isAlive(task)) {
    if (status.failure !== null) reasons.push(HELP[status.failure](task))
    return reasons
  }
  if (status.state === 'pending') {
    reasons.push(refusal === null ? 'the scheduler has not looked at it yet' : `no node takes it: ${refusal}`)
    const remedy = refusal === null ? null : remedyOf(task, around)
    if (remedy !== null) reasons.push(remedy)
  }
  const home = around.nodes.find((one) => one.id === node)
  if (home !== undefined && home.status !== 'ready') reasons.push(`node ${home.id} is ${home.status}`)
  if (desired === 'prepared') reasons.push(`it is prepared, but may not start yet: ${because}`)
  if (desired === 'stopped') reasons.push(`it was told to stop: ${because}`)
  if (status.restarts > 0) reasons.push(`it was restarted in place ${status.restarts} × so far`)
  if (status.failure !== null) reasons.push(HELP[status.failure](task))
  else if (status.state === 'running' && !status.ready && task.spec.health !== null) {
    reasons.push(`its ${task.spec.health.kind} health check has not passed`)
  }
  return reasons
}

function remedyOf(task: Task, { nodes, tasks }: Surroundings): string | null {
  const holding = tasks.filter((other) => isAlive(other) && other.node !== null)
  return remedyFor(task, nodes, holding)
}

/** What helps against each failure. */
const HELP: Record<Failure, (task: Task) => string> = {
  exit: ({ id, status }) => `it ended with exit code ${status.exitCode}; gantry logs ${id} shows its last words`,
  unhealthy: ({ id }) => `its health check failed too often; gantry logs ${id} shows what it did meanwhile`,
  'out-of-memory': () => 'the kernel ended it for using more memory than its limit; raise the limit or use less',
  image: ({ spec }) =>
    `the image ${spec.container.image} cannot be had; check its name, and gantry login for a private registry`,
  port: () => 'another program of the node has its port; free it, or let Gantry choose the host port',
  config: () => 'the runtime refuses what the manifest asks for; change the manifest and apply it',
  runtime: ({ node }) => `the runtime of node ${node} failed; gantry nodes shows what it says of itself`,
}
