import type { Millis } from '../model/ids.ts'
import type { RestartPolicy, ServiceSpec } from '../model/service.ts'
import { isTerminal, type TaskState } from '../model/task.ts'
import type { DispatchView, TaskView } from '../model/view.ts'

/** `7777/tcp` or `7777` */
export type GokubePort = string

/** A task as gokube's clients write and read it. Its `State` and times are ours to say; what a client sends there is not used. */
export interface GokubeTask {
  readonly ID: string
  readonly ContainerId: string
  readonly Name: string
  /** Index in GOKUBE_STATES. */
  readonly State: number
  readonly Image: string
  /** Bytes; 0: no limit. */
  readonly Memory: number
  /** Bytes to set aside; 0: none. */
  readonly Disk: number
  readonly ExposedPort: Readonly<Record<GokubePort, object>>
  readonly HostPorts: Readonly<Record<GokubePort, readonly { readonly HostIp: string; readonly HostPort: string }[]>>
  /** Container port → host port: the other way round than ours. */
  readonly PortBindings: Readonly<Record<GokubePort, string>>
  readonly RestartPolicy: string
  readonly StartTime: string
  readonly FinishTime: string
  /** Path of an HTTP check; empty: none. */
  readonly HealthCheck: string
  readonly RestartCount: number
}

export const GOKUBE_STATES = ['Pending', 'Scheduled', 'Running', 'Completed', 'Failed'] as const
const [PENDING, SCHEDULED, RUNNING, COMPLETED, FAILED] = [0, 1, 2, 3, 4]

const STATE_OF: Readonly<Record<TaskState, number>> = {
  pending: PENDING,
  assigned: SCHEDULED,
  preparing: SCHEDULED,
  starting: SCHEDULED,
  running: RUNNING,
  completed: COMPLETED,
  stopped: COMPLETED,
  failed: FAILED,
  rejected: FAILED,
  lost: FAILED,
}

/** How gokube's clients write a time that has not come. */
const NO_TIME = '0001-01-01T00:00:00Z'
const NAME_LABEL = 'gokube.name'
const POLICY_LABEL = 'gokube.restart-policy'

type Wanted = Pick<
  GokubeTask,
  'Name' | 'Image' | 'Memory' | 'Disk' | 'ExposedPort' | 'PortBindings' | 'RestartPolicy' | 'HealthCheck'
>

/** The task as a service document for the manifest loader. Memory and disk follow with `withGokubeResources`. */
export function gokubeService(task: Wanted): { readonly name: string } & Readonly<Record<string, unknown>> {
  const keys = new Set([...Object.keys(task.ExposedPort), ...Object.keys(task.PortBindings)])
  const ports = [...keys].map((key) => {
    const { port, protocol } = parsePort(key)
    return { container_port: port, host_port: Number(task.PortBindings[key] ?? 0), protocol }
  })
  const probed = ports.find(({ protocol }) => protocol === 'tcp')
  // Without a port there is nothing to ask: gokube skipped such tasks too.
  const health =
    task.HealthCheck === '' || probed === undefined
      ? {}
      : { health_check: { type: 'http', http_path: absolute(task.HealthCheck), port: probed.container_port } }
  return {
    // A service name has no dots; the label keeps the name as it was given.
    name: task.Name.replaceAll('.', '-'),
    image: task.Image,
    ports,
    restart_policy: policyOf(task.RestartPolicy),
    labels: { [NAME_LABEL]: task.Name, [POLICY_LABEL]: task.RestartPolicy },
    ...health,
  }
}

/** Gokube's manager started failed tasks again whatever their policy; no policy therefore means on failure. */
function policyOf(policy: string): RestartPolicy {
  return policy === 'always' || policy === 'unless-stopped' ? policy : 'on-failure'
}

/** Sets memory and disk aside and limits the memory. A manifest cannot say that without a share of the processor. */
export function withGokubeResources(
  spec: ServiceSpec,
  { Memory, Disk }: Pick<GokubeTask, 'Memory' | 'Disk'>,
): ServiceSpec {
  const limits = { ...spec.container.limits, memoryBytes: Memory === 0 ? null : Memory }
  return {
    ...spec,
    resources: { ...spec.resources, memoryBytes: Memory, diskBytes: Disk },
    container: { ...spec.container, limits },
  }
}

type Started = Pick<DispatchView, 'id' | 'name' | 'spec' | 'desired'>

/** A task that was started by hand in gokube's form. `tasks`: all its attempts, newest first. `iso` prints a time. */
export function gokubeTask(dispatch: Started, tasks: readonly TaskView[], iso: (at: Millis) => string): GokubeTask {
  const { id, name, spec } = dispatch
  const { container } = spec
  const [newest] = tasks
  return {
    ID: id,
    ContainerId: newest?.containerId ?? '',
    Name: container.labels[NAME_LABEL] ?? name,
    State: gokubeState(dispatch, newest),
    Image: container.image ?? '',
    Memory: spec.resources.memoryBytes,
    Disk: spec.resources.diskBytes,
    ExposedPort: Object.fromEntries(container.ports.map((port) => [portKey(port), {}])),
    HostPorts: hostPorts(newest),
    PortBindings: Object.fromEntries(
      container.ports.flatMap((port) => (port.host === null ? [] : [[portKey(port), String(port.host)]])),
    ),
    RestartPolicy: container.labels[POLICY_LABEL] ?? (spec.restart === 'no' ? '' : spec.restart),
    StartTime: timeOf(newest?.startedAt, iso),
    FinishTime: timeOf(newest?.finishedAt, iso),
    HealthCheck: spec.health?.kind === 'http' ? spec.health.path : '',
    RestartCount: tasks.reduce((sum, task) => sum + task.restarts, 0) + Math.max(0, tasks.length - 1),
  }
}

function gokubeState(dispatch: Started, newest: TaskView | undefined): number {
  if (newest === undefined) return dispatch.desired === 'stopped' ? COMPLETED : PENDING
  // What was stopped has ended as wanted, however its last attempt ended.
  if (dispatch.desired === 'stopped' && isTerminal(newest.state)) return COMPLETED
  return STATE_OF[newest.state]
}

function hostPorts(task: TaskView | undefined): GokubeTask['HostPorts'] {
  if (task === undefined || task.state !== 'running') return {}
  return Object.fromEntries(
    task.ports.map((port) => [portKey(port), [{ HostIp: '0.0.0.0', HostPort: String(port.host) }]]),
  )
}

function portKey({ container, protocol }: { readonly container: number; readonly protocol: string }): GokubePort {
  return `${container}/${protocol}`
}

function parsePort(key: GokubePort): { readonly port: number; readonly protocol: string } {
  const [port = '', protocol = 'tcp'] = key.split('/')
  return { port: Number(port), protocol }
}

function absolute(path: string): string {
  return path.startsWith('/') ? path : `/${path}`
}

function timeOf(at: Millis | null | undefined, iso: (at: Millis) => string): string {
  return at === null || at === undefined ? NO_TIME : iso(at)
}
