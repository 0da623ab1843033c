import type { Millis } from '../../core/model/ids.ts'
import type { Container } from '../../ports/runtime.ts'
import { CLUSTER_LABEL, SPEC_HASH_LABEL, TASK_LABEL } from './labels.ts'

/** What the engine answers about one container, as far as it is read. Any part may be missing. */
export interface ContainerJson {
  readonly Id?: string
  readonly State?: {
    readonly Status?: string
    readonly ExitCode?: number
    readonly OOMKilled?: boolean
    readonly Error?: string
    readonly Pid?: number
    readonly StartedAt?: string
    readonly FinishedAt?: string
  }
  readonly Config?: {
    readonly Labels?: Readonly<Record<string, string>> | null
    readonly Tty?: boolean
    readonly StopSignal?: string
  }
  readonly HostConfig?: { readonly NetworkMode?: string }
  readonly NetworkSettings?: {
    readonly Networks?: Readonly<Record<string, { readonly IPAddress?: string } | null>> | null
  }
}

/** The container as the port has it; null when it is not of this cluster. */
export function toContainer(json: ContainerJson, clusterId: string): Container | null {
  const labels = json.Config?.Labels ?? {}
  const taskId = labels[TASK_LABEL]
  if (labels[CLUSTER_LABEL] !== clusterId || taskId === undefined || json.Id === undefined) return null
  const state = stateOf(json.State?.Status)
  const startedAt = pointInTime(json.State?.StartedAt)
  return {
    id: json.Id,
    taskId,
    specHash: labels[SPEC_HASH_LABEL] ?? '',
    state,
    exitCode: state === 'exited' ? (json.State?.ExitCode ?? null) : null,
    outOfMemory: state === 'exited' && json.State?.OOMKilled === true,
    message: json.State?.Error ?? '',
    pid: state === 'running' ? (json.State?.Pid ?? null) || null : null,
    address: state === 'running' ? addressOf(json) : null,
    startedAt,
    // The engine keeps the end of the run before this one.
    finishedAt: state === 'exited' ? pointInTime(json.State?.FinishedAt) : null,
  }
}

/** A paused or restarting container has a process; one that is being removed, or could not be, has none. */
function stateOf(status: string | undefined): Container['state'] {
  switch (status) {
    case 'created':
    // Podman's words for the same: made, never started.
    case 'configured':
    case 'initialized':
      return 'created'
    case 'running':
    case 'paused':
    case 'restarting':
      return 'running'
    default:
      return 'exited'
  }
}

function addressOf(json: ContainerJson): string | null {
  if (json.HostConfig?.NetworkMode === 'host') return '127.0.0.1'
  const networks = Object.values(json.NetworkSettings?.Networks ?? {})
  return networks.map((network) => network?.IPAddress ?? '').find((address) => address !== '') ?? null
}

/** null for the engine's zero, year 1. */
function pointInTime(text: string | undefined): Millis | null {
  const at = Date.parse(text ?? '')
  return at > 0 ? at : null
}
