import * as z from 'zod'
import {
  type ContainerSpec,
  type HealthCheck,
  type Limits,
  type Mount,
  type Port,
  PROTOCOLS,
  RESTART_POLICIES,
  type Resources,
  RUNTIME_KINDS,
  SERVICE_HEALTHS,
  SERVICE_MODES,
  type ServiceSpec,
} from '../../../core/model/service.ts'
import type { ServiceDetail, ServiceView } from '../../../core/model/view.ts'
import { count, instant, listOf, named, positive, text, textMap } from './named.ts'
import { taskView } from './task.ts'

const port: z.ZodType<Port> = z.strictObject({
  container: positive,
  host: positive.nullable(),
  protocol: z.enum(PROTOCOLS),
})

const mount: z.ZodType<Mount> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('bind'), source: text, target: text, readOnly: z.boolean() }),
  z.strictObject({ kind: z.literal('volume'), source: text, target: text, readOnly: z.boolean() }),
  z.strictObject({ kind: z.literal('data'), target: text }),
])

const timing = { intervalMs: count, timeoutMs: count, retries: count, startPeriodMs: count }

const healthCheck: z.ZodType<HealthCheck> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('http'), path: text, port: positive, ...timing }),
  z.strictObject({ kind: z.literal('tcp'), port: positive, ...timing }),
  z.strictObject({ kind: z.literal('command'), argv: z.array(text), ...timing }),
])

export const resources: z.ZodType<Resources> = z.strictObject({
  cpuMillis: count,
  memoryBytes: count,
  diskBytes: count,
})

const limits: z.ZodType<Limits> = z.strictObject({
  cpuMillis: count.nullable(),
  memoryBytes: count.nullable(),
  memoryPercent: z.number().nullable(),
  memorySwapBytes: z.int().nullable(),
  kernelMemoryBytes: count.nullable(),
  memorySwappiness: count.nullable(),
  cpuShares: count.nullable(),
  cpusetCpus: text.nullable(),
  blkioWeight: count.nullable(),
})

const container: z.ZodType<ContainerSpec> = z.strictObject({
  image: text.nullable(),
  entrypoint: z.array(text).nullable(),
  command: z.array(text).nullable(),
  env: textMap,
  ports: z.array(port),
  mounts: z.array(mount),
  networkMode: z.enum(['bridge', 'host', 'none']),
  network: text.nullable(),
  dns: z.array(text),
  extraHosts: z.array(text),
  hostname: text.nullable(),
  user: text.nullable(),
  workingDir: text.nullable(),
  labels: textMap,
  capAdd: z.array(text),
  capDrop: z.array(text),
  privileged: z.boolean(),
  readOnly: z.boolean(),
  tmpfs: textMap,
  ulimits: z.array(z.strictObject({ name: text, soft: z.int(), hard: z.int() })),
  devices: z.array(text),
  logging: z.strictObject({ driver: text, options: textMap }).nullable(),
  limits,
  init: z.boolean(),
  stopSignal: text.nullable(),
  stopGraceMs: count,
})

const scalePolicy = z.strictObject({
  minReplicas: count,
  maxReplicas: count,
  targetCpuPercent: z.number().nullable(),
  targetMemoryPercent: z.number().nullable(),
  cooldownMs: count,
})

const variant = z.strictObject({ ports: z.array(port), limits, resources, seeds: count })

export const serviceSpec: z.ZodType<ServiceSpec> = named(
  'ServiceSpec',
  z.strictObject({
    name: text,
    mode: z.enum(SERVICE_MODES),
    replicas: count,
    placements: z.array(text),
    variants: z.record(z.string(), variant),
    container,
    restart: z.enum(RESTART_POLICIES),
    health: healthCheck.nullable(),
    repair: z.array(text).nullable(),
    inspect: z.array(text).nullable(),
    resources,
    scale: scalePolicy.nullable(),
    update: z.strictObject({ order: z.enum(['start-first', 'stop-first']), parallelism: positive }),
    dependencies: z.array(z.strictObject({ service: text, env: text.nullable() })),
    exclusive: z.boolean(),
    leaseMs: positive.nullable(),
    seeds: count,
    files: textMap,
    restartCount: count,
  }),
  'A service with no default left open.',
)

const viewKeys = {
  name: text,
  mode: z.enum(SERVICE_MODES),
  runtime: z.enum(RUNTIME_KINDS),
  image: text.nullable(),
  replicas: count,
  running: count,
  ready: count,
  current: count,
  health: z.enum(SERVICE_HEALTHS),
  message: text,
  updatedAt: instant,
  dispatch: text.nullable(),
}

export const serviceView: z.ZodType<ServiceView> = named(
  'ServiceView',
  z.strictObject(viewKeys),
  'A service as listings show it.',
)

export const serviceDetail: z.ZodType<ServiceDetail> = named(
  'ServiceDetail',
  z.strictObject({ ...viewKeys, spec: serviceSpec, tasks: listOf(taskView) }),
  'A service with its spec and all its tasks.',
)
