import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { processStat } from '../../src/drivers/process/proc.ts'
import { groupsIn, processesIn, processHierarchy } from './cgroups.ts'
import { addLook, type History, type Look, type Seen } from './history.ts'
import type { Host } from './host.ts'

const POLL_MS = 200

export interface ContainerWatch {
  /** What was seen so far. */
  readonly history: History
  /** Looks once more and ends. */
  stop(): History
}

interface Named {
  readonly Config?: { readonly Labels?: Readonly<Record<string, string>> | null }
}

/**
 * Looks every 200 ms at what runs on the hosts, and keeps it. It asks the kernel, which knows what runs also while an engine
 * is stopped, killed or lies, and reads labels from the engines' files.
 */
export function watchContainers(hosts: readonly Host[]): ContainerWatch {
  const history: Look[] = []
  const labels = new Map<string, Readonly<Record<string, string>>>()
  const look = (): void => {
    const at = Date.now()
    addLook(
      history,
      at,
      hosts.flatMap((host) => runningOn(host, labels)),
    )
  }
  look()
  const timer = setInterval(look, POLL_MS)
  return {
    history,
    stop: () => {
      clearInterval(timer)
      look()
      return history
    },
  }
}

/** Containers with a process, whatever their engine thinks of them. */
function runningOn(host: Host, known: Map<string, Readonly<Record<string, string>>>): Seen[] {
  const group = join(processHierarchy(), host.cgroup)
  return groupsIn(group).flatMap((id) => {
    const pid = firstOf(processesIn(join(group, id)))
    if (pid === null) return []
    const labels = known.get(id) ?? labelsOf(host, id)
    if (labels !== null) known.set(id, labels)
    const label = (name: string): string => labels?.[`gantry.${name}`] ?? ''
    return [
      {
        host: host.name,
        id,
        pid,
        cluster: label('cluster'),
        service: label('service'),
        slot: label('slot'),
        task: label('task'),
      },
    ]
  })
}

/** The one that started first; null when all have ended. */
function firstOf(pids: readonly number[]): number | null {
  const stats = pids
    .map(processStat)
    .filter((stat) => stat !== null)
    .filter(({ state }) => state !== 'Z')
  const [first] = stats.toSorted((a, b) => a.startTicks - b.startTicks || a.pid - b.pid)
  return first?.pid ?? null
}

function labelsOf(host: Host, id: string): Readonly<Record<string, string>> | null {
  try {
    const text = readFileSync(join(host.engine.containersDirectory, id, 'config.v2.json'), 'utf8')
    return (JSON.parse(text) as Named).Config?.Labels ?? {}
  } catch (error) {
    // It is being removed.
    if ((error as { code?: string }).code === 'ENOENT') return null
    throw error
  }
}
