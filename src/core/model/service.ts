import type { Millis, ServiceName } from './ids.ts'

export const SERVICE_MODES = ['replicated', 'global', 'job'] as const
/** `replicated`: n slots; `global`: one slot per matching node; `job`: one slot that runs to completion. */
export type ServiceMode = (typeof SERVICE_MODES)[number]

export const RUNTIME_KINDS = ['docker', 'process'] as const
export type RuntimeKind = (typeof RUNTIME_KINDS)[number]

export const RESTART_POLICIES = ['no', 'always', 'on-failure', 'unless-stopped'] as const
export type RestartPolicy = (typeof RESTART_POLICIES)[number]

export const PROTOCOLS = ['tcp', 'udp'] as const
export type Protocol = (typeof PROTOCOLS)[number]

export interface Port {
  readonly container: number
  /** null: the scheduler gives a free one. */
  readonly host: number | null
  readonly protocol: Protocol
}

export type Mount =
  | { readonly kind: 'bind'; readonly source: string; readonly target: string; readonly readOnly: boolean }
  /** A volume of the runtime, kept when its task goes. */
  | { readonly kind: 'volume'; readonly source: string; readonly target: string; readonly readOnly: boolean }
  /** The service's own directory on the node, kept when its task goes: `<data directory>/volumes/<service>`. */
  | { readonly kind: 'data'; readonly target: string }

interface Timing {
  readonly intervalMs: Millis
  readonly timeoutMs: Millis
  /** Consecutive failures that make a ready task unhealthy. */
  readonly retries: number
  /** Failures do not count in this time after a start. */
  readonly startPeriodMs: Millis
}

export type HealthCheck = Timing &
  (
    | { readonly kind: 'http'; readonly path: string; readonly port: number }
    | { readonly kind: 'tcp'; readonly port: number }
    | { readonly kind: 'command'; readonly argv: readonly string[] }
  )

/** What the scheduler sets aside on the node. */
export interface Resources {
  readonly cpuMillis: number
  readonly memoryBytes: number
  readonly diskBytes: number
}

/** What the kernel enforces. null: no limit of that kind. */
export interface Limits {
  readonly cpuMillis: number | null
  readonly memoryBytes: number | null
  /** Percent of the node's memory; excludes `memoryBytes`. */
  readonly memoryPercent: number | null
  /** Memory and swap together; -1: unlimited swap. */
  readonly memorySwapBytes: number | null
  readonly kernelMemoryBytes: number | null
  readonly memorySwappiness: number | null
  readonly cpuShares: number | null
  readonly cpusetCpus: string | null
  readonly blkioWeight: number | null
}

export interface Ulimit {
  readonly name: string
  readonly soft: number
  readonly hard: number
}

/** Everything that one container or process is made from. Normalised: no default is left open. */
export interface ContainerSpec {
  /** null: the task is a supervised process. */
  readonly image: string | null
  /** Replaces the image's entrypoint; null keeps it. */
  readonly entrypoint: readonly string[] | null
  /** Replaces the image's command; null keeps it. A process runs entrypoint + command. */
  readonly command: readonly string[] | null
  readonly env: Readonly<Record<string, string>>
  readonly ports: readonly Port[]
  readonly mounts: readonly Mount[]
  readonly networkMode: 'bridge' | 'host' | 'none'
  /** A named network of the engine, created when missing; null: the engine's default. */
  readonly network: string | null
  readonly dns: readonly string[]
  /** `name:ip` */
  readonly extraHosts: readonly string[]
  readonly hostname: string | null
  readonly user: string | null
  readonly workingDir: string | null
  readonly labels: Readonly<Record<string, string>>
  readonly capAdd: readonly string[]
  readonly capDrop: readonly string[]
  readonly privileged: boolean
  readonly readOnly: boolean
  /** path → mount options, possibly empty */
  readonly tmpfs: Readonly<Record<string, string>>
  readonly ulimits: readonly Ulimit[]
  /** `host:container[:permissions]` */
  readonly devices: readonly string[]
  readonly logging: { readonly driver: string; readonly options: Readonly<Record<string, string>> } | null
  readonly limits: Limits
  /** Runs an init process as PID 1 that forwards signals and reaps. */
  readonly init: boolean
  readonly stopSignal: string | null
  readonly stopGraceMs: Millis
}

export interface Dependency {
  readonly service: ServiceName
  /** Variable that receives the address name of the service; null: start order only. */
  readonly env: string | null
}

export interface ScalePolicy {
  readonly minReplicas: number
  readonly maxReplicas: number
  readonly targetCpuPercent: number | null
  readonly targetMemoryPercent: number | null
  readonly cooldownMs: Millis
}

export interface UpdatePolicy {
  /** Whether the new task of a slot starts before or after the old one stops. */
  readonly order: 'start-first' | 'stop-first'
  /** How many slots may be on their way at once. */
  readonly parallelism: number
}

/** Settings that a service has on the nodes of one placement only. They replace those of the spec, whole. */
export interface PlacementVariant {
  readonly ports: readonly Port[]
  readonly limits: Limits
  readonly resources: Resources
  readonly seeds: number
}

/** A declared workload, normalised by the manifest loader: nothing downstream knows a default. */
export interface ServiceSpec {
  readonly name: ServiceName
  readonly mode: ServiceMode
  /** Slots of a replicated service or job; 0 for a global one. */
  readonly replicas: number
  /** The node roles it runs on; empty: any node. */
  readonly placements: readonly string[]
  /** What a placement sets differently for its nodes; empty: all alike. `specOn` resolves it. */
  readonly variants: Readonly<Record<string, PlacementVariant>>
  readonly container: ContainerSpec
  readonly restart: RestartPolicy
  readonly health: HealthCheck | null
  /** Run in the task when its health check fails, before it is restarted. */
  readonly repair: readonly string[] | null
  /** Run in the task on demand. */
  readonly inspect: readonly string[] | null
  readonly resources: Resources
  readonly scale: ScalePolicy | null
  readonly update: UpdatePolicy
  readonly dependencies: readonly Dependency[]
  /** Never two tasks of a slot at once, even if a node is unreachable. */
  readonly exclusive: boolean
  /**
   * An exclusive task runs only while the leader has renewed its node's lease within this time, so that it may be replaced when
   * its node has been silent for longer; null: it is held until somebody knows that it has stopped.
   */
  readonly leaseMs: Millis | null
  /** How many predictable addresses are published as SERVICE_SEEDS; 0: none. Needs the overlay network. */
  readonly seeds: number
  /** file id → path in the container, mounted read-only. */
  readonly files: Readonly<Record<string, string>>
  /** Grows with each `service restart`; a change replaces the tasks. */
  readonly restartCount: number
}

/** Runs in a container engine if it has an image, else as a process. */
export function runtimeOf(spec: ServiceSpec): RuntimeKind {
  return spec.container.image === null ? 'process' : 'docker'
}

/** The spec as it holds on nodes of that placement: variants are resolved and gone. */
export function specOn(spec: ServiceSpec, placement: string): ServiceSpec {
  if (Object.keys(spec.variants).length === 0) return spec
  const variant = Object.hasOwn(spec.variants, placement) ? spec.variants[placement] : undefined
  if (variant === undefined) return { ...spec, variants: {} }
  const { ports, limits, resources, seeds } = variant
  return { ...spec, variants: {}, container: { ...spec.container, ports, limits }, resources, seeds }
}

export const SERVICE_HEALTHS = ['healthy', 'degraded', 'unhealthy', 'paused'] as const
export type ServiceHealth = (typeof SERVICE_HEALTHS)[number]
