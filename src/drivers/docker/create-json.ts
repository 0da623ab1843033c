import { isAbsolute, join } from 'node:path'
import { OperationalError } from '../../core/errors.ts'
import type { ContainerSpec, Mount } from '../../core/model/service.ts'
import type { ContainerOrder } from '../../ports/runtime.ts'
import { cpuQuota } from '../cpu-quota.ts'
import { CLUSTER_LABEL, containerLabels } from './labels.ts'

/** Of less than that, an engine cannot make nanoseconds. */
const FEWEST_CPU_MILLIS = 10

export interface CreateContext {
  readonly clusterId: string
  /** Absolute. */
  readonly dataDir: string
  /** Fields that this engine cannot honour, as in its description: they are left out instead of being refused. */
  readonly unsupported: Readonly<Record<string, string>>
}

/** The engine's order for a container. Throws RUNTIME_REFUSED for mounts that an engine would misread. */
export function createJson(order: ContainerOrder, context: CreateContext): object {
  const { spec } = order
  return {
    Image: spec.image,
    ...given('Entrypoint', spec.entrypoint),
    ...given('Cmd', spec.command),
    Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
    ...given('Hostname', spec.hostname),
    ...given('User', spec.user),
    ...given('WorkingDir', spec.workingDir),
    Labels: containerLabels(order, context.clusterId),
    ...given('StopSignal', spec.stopSignal),
    StopTimeout: Math.ceil(spec.stopGraceMs / 1000),
    ExposedPorts: Object.fromEntries(spec.ports.map((port) => [`${port.container}/${port.protocol}`, {}])),
    HostConfig: hostConfig(order, context),
    ...networking(order),
  }
}

function hostConfig(order: ContainerOrder, context: CreateContext): object {
  const { spec } = order
  return {
    NetworkMode: networkName(spec),
    // Who restarts it is decided by Gantry alone.
    RestartPolicy: { Name: 'no' },
    PortBindings: portBindings(order),
    Binds: spec.mounts.flatMap((mount) => bind(mount, order, context)),
    Mounts: spec.mounts.flatMap((mount) => volume(mount, context)),
    Dns: spec.dns,
    ExtraHosts: spec.extraHosts,
    CapAdd: spec.capAdd,
    CapDrop: spec.capDrop,
    Privileged: spec.privileged,
    ReadonlyRootfs: spec.readOnly,
    Tmpfs: spec.tmpfs,
    Ulimits: spec.ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
    Devices: spec.devices.map(device),
    Init: spec.init,
    ...(spec.logging === null ? {} : { LogConfig: { Type: spec.logging.driver, Config: spec.logging.options } }),
    ...limits(order, context.unsupported),
  }
}

/** The engine's network that the container is in: a named one, or one of the engine's own. */
export function networkName(spec: ContainerSpec): string {
  return spec.networkMode === 'bridge' ? (spec.network ?? 'bridge') : spec.networkMode
}

/** The network that must be made before the container; null when the engine has it of its own. */
export function namedNetwork(spec: ContainerSpec): string | null {
  return spec.networkMode === 'bridge' ? spec.network : null
}

function networking(order: ContainerOrder): object {
  const network = namedNetwork(order.spec)
  if (network === null) return {}
  return { NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: [order.service] } } } }
}

function portBindings({ hostPorts }: ContainerOrder): object {
  const bindings: Record<string, { HostPort: string }[]> = {}
  for (const { container, host, protocol } of hostPorts) {
    const key = `${container}/${protocol}`
    bindings[key] = [...(bindings[key] ?? []), { HostPort: String(host) }]
  }
  return bindings
}

/** A bind in the engine's form `source:target[:ro]`, which makes a missing source a directory. */
function bind(mount: Mount, { service, taskId }: ContainerOrder, { dataDir }: CreateContext): string[] {
  if (mount.kind === 'volume') return []
  const source = mount.kind === 'data' ? dataDirectory(dataDir, service) : mount.source
  // Anything else than a path would be taken for the name of a volume, and a colon for a separator.
  if (!isAbsolute(source)) throw misread(taskId, source, 'is not an absolute path')
  for (const path of [source, mount.target]) if (path.includes(':')) throw misread(taskId, path, 'has a colon')
  return [`${source}:${mount.target}${mount.kind === 'bind' && mount.readOnly ? ':ro' : ''}`]
}

/** The directory on the node that a service keeps when its tasks go. */
export function dataDirectory(dataDir: string, service: string): string {
  return join(dataDir, 'volumes', service)
}

function misread(taskId: string, path: string, why: string): OperationalError {
  return new OperationalError('RUNTIME_REFUSED', `cannot create container ${taskId}: the mounted path ${path} ${why}`)
}

function volume(mount: Mount, { clusterId }: CreateContext): object[] {
  if (mount.kind !== 'volume') return []
  const { source, target, readOnly } = mount
  const labels = { [CLUSTER_LABEL]: clusterId }
  return [{ Type: 'volume', Source: source, Target: target, ReadOnly: readOnly, VolumeOptions: { Labels: labels } }]
}

function device(text: string): object {
  const [host = '', container = host, permissions = 'rwm'] = text.split(':')
  return { PathOnHost: host, PathInContainer: container, CgroupPermissions: permissions }
}

function limits({ spec, memoryBytes }: ContainerOrder, unsupported: CreateContext['unsupported']): object {
  const { limits } = spec
  const rows: readonly LimitRow[] = [
    ...cpuRows(limits.cpuMillis),
    ['limits.memoryBytes', 'Memory', memoryBytes],
    ['limits.memorySwapBytes', 'MemorySwap', limits.memorySwapBytes],
    ['limits.kernelMemoryBytes', 'KernelMemory', limits.kernelMemoryBytes],
    ['limits.memorySwappiness', 'MemorySwappiness', limits.memorySwappiness],
    ['limits.cpuShares', 'CpuShares', limits.cpuShares],
    ['limits.cpusetCpus', 'CpusetCpus', limits.cpusetCpus],
    ['limits.blkioWeight', 'BlkioWeight', limits.blkioWeight],
  ]
  return Object.fromEntries(
    rows.filter(([field, , value]) => value !== null && !Object.hasOwn(unsupported, field)).map((row) => row.slice(1)),
  )
}

type LimitRow = readonly [field: string, key: string, value: number | string | null]

/** Engines make a quota of the nanoseconds themselves, but one that the kernel refuses when they are few. */
function cpuRows(cpuMillis: number | null): readonly LimitRow[] {
  if (cpuMillis === null) return []
  if (cpuMillis >= FEWEST_CPU_MILLIS) return [['limits.cpuMillis', 'NanoCpus', cpuMillis * 1_000_000]]
  const { periodUs, quotaUs } = cpuQuota(cpuMillis)
  return [
    ['limits.cpuMillis', 'CpuPeriod', periodUs],
    ['limits.cpuMillis', 'CpuQuota', quotaUs],
  ]
}

function given(key: string, value: unknown): object {
  return value === null ? {} : { [key]: value }
}
