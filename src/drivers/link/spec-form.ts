import * as z from 'zod'
import {
  type ContainerSpec,
  type HealthCheck,
  type Limits,
  type Mount,
  PROTOCOLS,
  RESTART_POLICIES,
  type ScalePolicy,
  SERVICE_MODES,
  type ServiceSpec,
} from '../../core/model/service.ts'
import { count, type Forms, positive, resources, text, whole, word, wordMap, words } from './forms.ts'

const port = z.object({ container: positive, host: positive.nullable(), protocol: z.enum(PROTOCOLS) })

const mount: z.ZodType<Mount> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('bind'), source: text, target: text, readOnly: z.boolean() }),
  z.object({ kind: z.literal('volume'), source: text, target: text, readOnly: z.boolean() }),
  z.object({ kind: z.literal('data'), target: text }),
])

const timing = { intervalMs: count, timeoutMs: count, retries: whole, startPeriodMs: count }

const healthCheck: z.ZodType<HealthCheck> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('http'), path: text, port: positive, ...timing }),
  z.object({ kind: z.literal('tcp'), port: positive, ...timing }),
  z.object({ kind: z.literal('command'), argv: words, ...timing }),
])

const limits: z.ZodType<Limits> = z.object({
  cpuMillis: count.nullable(),
  memoryBytes: count.nullable(),
  memoryPercent: count.nullable(),
  memorySwapBytes: z.number().nullable(),
  kernelMemoryBytes: count.nullable(),
  memorySwappiness: count.nullable(),
  cpuShares: count.nullable(),
  cpusetCpus: word.nullable(),
  blkioWeight: count.nullable(),
} satisfies Forms<Limits>)

const container: z.ZodType<ContainerSpec> = z.object({
  image: word.nullable(),
  entrypoint: words.nullable(),
  command: words.nullable(),
  env: wordMap,
  ports: z.array(port),
  mounts: z.array(mount),
  networkMode: z.enum(['bridge', 'host', 'none']),
  network: word.nullable(),
  dns: words,
  extraHosts: words,
  hostname: word.nullable(),
  user: word.nullable(),
  workingDir: text.nullable(),
  labels: wordMap,
  capAdd: words,
  capDrop: words,
  privileged: z.boolean(),
  readOnly: z.boolean(),
  tmpfs: wordMap,
  ulimits: z.array(z.object({ name: word, soft: z.number(), hard: z.number() })),
  devices: words,
  logging: z.object({ driver: word, options: wordMap }).nullable(),
  limits,
  init: z.boolean(),
  stopSignal: word.nullable(),
  stopGraceMs: count,
} satisfies Forms<ContainerSpec>)

const scale = z.object({
  minReplicas: whole,
  maxReplicas: whole,
  targetCpuPercent: count.nullable(),
  targetMemoryPercent: count.nullable(),
  cooldownMs: count,
} satisfies Forms<ScalePolicy>)

/** The spec of a service, as a task carries it. */
export const serviceSpec: z.ZodType<ServiceSpec> = z.object({
  name: word,
  mode: z.enum(SERVICE_MODES),
  replicas: whole,
  placements: words,
  variants: z.record(word, z.object({ ports: z.array(port), limits, resources, seeds: whole })),
  container,
  restart: z.enum(RESTART_POLICIES),
  health: healthCheck.nullable(),
  repair: words.nullable(),
  inspect: words.nullable(),
  resources,
  scale: scale.nullable(),
  update: z.object({ order: z.enum(['start-first', 'stop-first']), parallelism: positive }),
  dependencies: z.array(z.object({ service: word, env: word.nullable() })),
  exclusive: z.boolean(),
  leaseMs: positive.nullable(),
  seeds: whole,
  files: wordMap,
  restartCount: whole,
} satisfies Forms<ServiceSpec>)
