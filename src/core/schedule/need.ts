import type { TaskId } from '../model/ids.ts'
import { type Port, type RuntimeKind, runtimeOf, type ServiceSpec, specOn } from '../model/service.ts'
import { portKey, wantedPorts } from './host-ports.ts'

/** A node that runs both has the sum of the two. */
export const RUNTIME_BITS: Readonly<Record<RuntimeKind, number>> = { docker: 1, process: 2 }

/** What a task of a service needs of a node, as it holds on the nodes of one placement. */
export interface Need {
  readonly runtime: RuntimeKind
  readonly runtimeBit: number
  readonly cpuMillis: number
  readonly memoryBytes: number
  readonly diskBytes: number
  readonly ports: readonly Port[]
  /** The fixed ones among its ports, with who holds each of them now, by node. */
  readonly fixedPorts: readonly FixedPort[]
  /** How many of its ports the scheduler chooses. */
  readonly poolPorts: number
}

/** Who holds one host port, by position of the node in the fleet; filled and read while the scheduler decides. */
export type PortHolders = Map<number, TaskId>

export interface FixedPort {
  readonly port: number
  readonly holders: PortHolders
  /** The service itself asks for it more than once. */
  readonly repeated: boolean
}

/** Works out what a task of the service needs on nodes of that placement. */
export function needOn(spec: ServiceSpec, placement: string, holdersOf: (key: number) => PortHolders): Need {
  const resolved = specOn(spec, placement)
  const ports = wantedPorts(resolved)
  const keys = new Set<number>()
  const fixedPorts: FixedPort[] = []
  for (const { host, protocol } of ports) {
    if (host === null) continue
    const key = portKey(host, protocol)
    fixedPorts.push({ port: host, holders: holdersOf(key), repeated: keys.has(key) })
    keys.add(key)
  }
  const runtime = runtimeOf(resolved)
  const { cpuMillis, memoryBytes, diskBytes } = resolved.resources
  return {
    runtime,
    runtimeBit: RUNTIME_BITS[runtime],
    cpuMillis,
    memoryBytes,
    diskBytes,
    ports,
    fixedPorts,
    poolPorts: ports.length - fixedPorts.length,
  }
}

/** Whether a replacement waits until its predecessor in the slot has stopped, and so may use what that one holds. */
export function waitsForPredecessor(spec: ServiceSpec): boolean {
  return spec.exclusive || spec.update.order === 'stop-first'
}

/**
 * Whether a task may run nowhere else while nobody knows that it has stopped: there must never be two of it, or what it
 * has written is on its node only.
 */
export function isHeldWhereItWas(spec: ServiceSpec): boolean {
  return spec.exclusive || hasDataThere(spec)
}

/** Whether what a task has written is on its node only. */
export function hasDataThere({ container: { mounts } }: ServiceSpec): boolean {
  return mounts.some(({ kind }) => kind === 'data' || kind === 'volume')
}
