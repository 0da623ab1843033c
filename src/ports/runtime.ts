import type { Millis, ServiceName, Slot, TaskId } from '../core/model/ids.ts'
import type { RuntimeDescription } from '../core/model/node.ts'
import type { ContainerSpec, RuntimeKind } from '../core/model/service.ts'
import type { PortBinding } from '../core/model/task.ts'

/** All that a runtime needs to make the container of one task. The spec is complete: variables and mounts are final. */
export interface ContainerOrder {
  readonly taskId: TaskId
  readonly service: ServiceName
  readonly slot: Slot
  readonly attempt: number
  readonly specHash: string
  readonly spec: ContainerSpec
  readonly hostPorts: readonly PortBinding[]
  /** Memory limit in bytes after a percentage was resolved for this node; null: none. */
  readonly memoryBytes: number | null
}

/**
 * What a runtime runs for a task: a container of an engine, or a supervised process. `created`: never started.
 * `exited`: was started and has ended; it can be started again.
 */
export interface Container {
  /** The runtime's own id. */
  readonly id: string
  readonly taskId: TaskId
  readonly specHash: string
  readonly state: 'created' | 'running' | 'exited'
  readonly exitCode: number | null
  readonly outOfMemory: boolean
  /** What the runtime says of a failed start or a strange end; empty when nothing. */
  readonly message: string
  readonly pid: number | null
  /** Where the node reaches its ports; null when it has no address of its own. */
  readonly address: string | null
  readonly startedAt: Millis | null
  readonly finishedAt: Millis | null
}

export interface PullProgress {
  readonly image: string
  /** Layers done and in all, as far as known. */
  readonly layersDone: number
  readonly layers: number
  readonly bytesDone: number
  readonly bytes: number
}

export interface LogLine {
  readonly stream: 'stdout' | 'stderr'
  readonly at: Millis
  /** Without the line's end; text longer than 64 KiB is cut into pieces. */
  readonly text: string
}

export interface LogQuery {
  readonly follow: boolean
  /** Number of last lines to begin with; null: all. */
  readonly tail: number | null
  /** Only lines at or after; null: all. */
  readonly since: Millis | null
}

export interface ExecRequest {
  readonly argv: readonly string[]
  readonly tty: boolean
  /** Whether input will be written. */
  readonly stdin: boolean
  readonly env: Readonly<Record<string, string>>
  readonly user: string | null
  readonly workingDir: string | null
  /** Initial size of the terminal; null without one. */
  readonly size: { readonly columns: number; readonly rows: number } | null
}

/** A program run inside a container. With a terminal all output comes as stdout. */
export interface ExecSession {
  readonly output: AsyncIterable<{ readonly stream: 'stdout' | 'stderr'; readonly data: Uint8Array }>
  write(data: Uint8Array): void
  endInput(): void
  resize(columns: number, rows: number): void
  /** Resolves with the exit code when the program has ended and all output was delivered. */
  readonly exit: Promise<number>
  /** Drops the connection; the program is told by a closed input or terminal. */
  abort(): void
}

export interface ContainerStats {
  /** CPU time used since its start. */
  readonly cpuMs: Millis
  readonly memoryBytes: number
  readonly at: Millis
}

/**
 * Runs containers on this node. It sees only containers of its own cluster and node data directory, and touches no
 * other. Every call is idempotent: asking for what is already so succeeds. Expected failures are OperationalErrors:
 * IMAGE_UNAVAILABLE, PORT_IN_USE, RUNTIME_REFUSED (the order cannot be carried out), NOT_FOUND, UNAVAILABLE (the
 * runtime does not answer; nothing is known), TIMEOUT.
 */
export interface Runtime {
  readonly kind: RuntimeKind
  describe(): Promise<RuntimeDescription>
  /** Every container of this cluster, in any state. Throws UNAVAILABLE rather than return a part. */
  list(): Promise<readonly Container[]>
  /** The one container of this id; null when it is gone. */
  inspect(containerId: string): Promise<Container | null>
  /** Which of these images are here already, so that a plan can name those to pull. */
  presentImages(images: readonly string[]): Promise<readonly string[]>
  /** Makes the image present (pulled only when missing) and the container created. Returns the container's id. */
  create(order: ContainerOrder, onProgress: (progress: PullProgress) => void, signal: AbortSignal): Promise<string>
  start(containerId: string): Promise<void>
  /** Sends the signal, waits up to the grace, then kills. Resolves when it has ended. */
  stop(containerId: string, options: { readonly signal: string | null; readonly graceMs: Millis }): Promise<void>
  /** Removes it, killing it first if it runs. Its named volumes and data directory stay. */
  remove(containerId: string): Promise<void>
  /** Calls whenever something may have changed; a hint, never a fact: list or inspect tells. Returns a function that ends it. */
  watch(onHint: (containerId: string | null) => void): () => void
  logs(containerId: string, query: LogQuery, signal: AbortSignal): AsyncIterable<LogLine>
  exec(containerId: string, request: ExecRequest): Promise<ExecSession>
  stats(containerId: string): Promise<ContainerStats>
  /** Ends what belongs to this object (connections, timers); containers keep running. */
  close(): Promise<void>
}
