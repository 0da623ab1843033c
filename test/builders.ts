import { NO_LIMITS } from '../src/core/manifest/normalize-limits.ts'
import { taskId } from '../src/core/model/ids.ts'
import type { Node } from '../src/core/model/node.ts'
import type { ContainerSpec, HealthCheck, ServiceSpec } from '../src/core/model/service.ts'
import { NEW_STATUS, type Task, type TaskStatus } from '../src/core/model/task.ts'

/** Minimal valid values, so that a test shows only what matters to it. */

export function aContainer(change: Partial<ContainerSpec> = {}): ContainerSpec {
  return {
    image: 'example/web:1',
    entrypoint: null,
    command: null,
    env: {},
    ports: [],
    mounts: [],
    networkMode: 'bridge',
    network: null,
    dns: [],
    extraHosts: [],
    hostname: null,
    user: null,
    workingDir: null,
    labels: {},
    capAdd: [],
    capDrop: [],
    privileged: false,
    readOnly: false,
    tmpfs: {},
    ulimits: [],
    devices: [],
    logging: null,
    limits: NO_LIMITS,
    init: false,
    stopSignal: null,
    stopGraceMs: 30_000,
    ...change,
  }
}

export function aHealthCheck(change: Partial<HealthCheck & { kind: 'tcp' }> = {}): HealthCheck {
  return { kind: 'tcp', port: 80, intervalMs: 10_000, timeoutMs: 1_000, retries: 3, startPeriodMs: 0, ...change }
}

export function aService(
  change: Partial<Omit<ServiceSpec, 'container'>> & { container?: Partial<ContainerSpec> } = {},
): ServiceSpec {
  const { container, ...rest } = change
  return {
    name: 'web',
    mode: 'replicated',
    replicas: 1,
    placements: [],
    variants: {},
    container: aContainer(container),
    restart: 'always',
    health: null,
    repair: null,
    inspect: null,
    resources: { cpuMillis: 0, memoryBytes: 0, diskBytes: 0 },
    scale: null,
    update: { order: 'stop-first', parallelism: 1 },
    dependencies: [],
    exclusive: false,
    leaseMs: null,
    seeds: 0,
    files: {},
    restartCount: 0,
    ...rest,
  }
}

export function aStatus(change: Partial<TaskStatus> = {}): TaskStatus {
  return { ...NEW_STATUS, ...change }
}

/** A running, ready task of `web`, unless told otherwise. */
export function aTask(change: Partial<Omit<Task, 'status'>> & { status?: Partial<TaskStatus> } = {}): Task {
  const { status, ...rest } = change
  const spec = rest.spec ?? aService()
  const slot = rest.slot ?? 1
  const attempt = rest.attempt ?? 1
  return {
    id: taskId(spec.name, slot, attempt),
    service: spec.name,
    slot,
    attempt,
    spec,
    specHash: 'v1',
    node: 1,
    placement: 'default',
    hostPorts: [],
    desired: 'running',
    because: '',
    refusal: null,
    stoppedByUser: false,
    gone: false,
    createdAt: 0,
    ...rest,
    status: aStatus({
      state: 'running',
      prepared: true,
      ready: true,
      startedAt: 0,
      readyAt: 0,
      containerId: 'c1',
      ...status,
    }),
  }
}

export function aNode(change: Partial<Node> = {}): Node {
  const id = change.id ?? 1
  return {
    id,
    machineId: `machine-${id}`,
    reserved: false,
    name: `node-${id}:7946`,
    hostname: `node-${id}`,
    availability: 'active',
    status: 'ready',
    placement: 'default',
    address: null,
    publicAddress: null,
    region: null,
    zone: null,
    labels: {},
    settings: { placement: null, publicAddress: null, labels: {} },
    capacity: { cpuMillis: 4_000, memoryBytes: 8 * 1024 ** 3, diskBytes: 100 * 1024 ** 3 },
    runtimes: [
      { kind: 'docker', available: true, version: '20.10', message: '', unsupported: {} },
      { kind: 'process', available: true, version: '', message: '', unsupported: {} },
    ],
    version: '0.1.0',
    joinedAt: 0,
    ...change,
  }
}
