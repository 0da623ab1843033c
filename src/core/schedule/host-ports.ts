import { contentHash } from '../../lib/canonical-json.ts'
import type { TaskId } from '../model/ids.ts'
import { type Port, type Protocol, runtimeOf, type ServiceSpec } from '../model/service.ts'
import type { PortBinding } from '../model/task.ts'

/** Host ports that the scheduler gives out itself; below the range that Linux uses for outgoing connections. */
export const FIRST_POOL_PORT = 20_000
export const POOL_SIZE = 10_000

/**
 * The ports that a task needs on its node. On the network of the host a container's ports are host ports already;
 * without a network there is nothing to publish.
 */
export function wantedPorts(spec: ServiceSpec): readonly Port[] {
  const { networkMode, ports } = spec.container
  if (runtimeOf(spec) === 'process' || networkMode === 'bridge') return ports
  return networkMode === 'none' ? [] : ports.map((port) => ({ ...port, host: port.container }))
}

/** One number for port and protocol: TCP and UDP do not share ports. */
export function portKey(port: number, protocol: Protocol): number {
  return port * 2 + (protocol === 'udp' ? 1 : 0)
}

export function isPoolPort(port: number): boolean {
  return port >= FIRST_POOL_PORT && port < FIRST_POOL_PORT + POOL_SIZE
}

/**
 * Binds each wanted port to a host port that is not taken. The search starts at a place of its own for each cluster and
 * task, so clusters that share a machine rarely meet, and a new attempt does not run into the port that failed.
 * The caller has made sure that the pool has enough free ports.
 */
export function bindPorts(
  wanted: readonly Port[],
  isTaken: (key: number) => boolean,
  clusterId: string,
  task: TaskId,
): PortBinding[] {
  if (wanted.length === 0) return []
  const given = new Set<number>()
  for (const { host, protocol } of wanted) if (host !== null) given.add(portKey(host, protocol))

  let offset = wanted.some((port) => port.host === null)
    ? Number.parseInt(contentHash([clusterId, task]).slice(0, 8), 16) % POOL_SIZE
    : 0
  return wanted.map(({ container, host, protocol }) => {
    if (host !== null) return { container, host, protocol }
    let port = FIRST_POOL_PORT + offset
    while (isTaken(portKey(port, protocol)) || given.has(portKey(port, protocol))) {
      offset = (offset + 1) % POOL_SIZE
      port = FIRST_POOL_PORT + offset
    }
    given.add(portKey(port, protocol))
    return { container, host: port, protocol }
  })
}
