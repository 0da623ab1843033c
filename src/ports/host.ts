import type { HostStats } from '../core/model/host-stats.ts'
import type { Millis } from '../core/model/ids.ts'
import type { Resources } from '../core/model/service.ts'
import type { ExecSession } from './runtime.ts'

/** One small text that survives the death of process and machine. A write replaces it whole or not at all. */
export interface DurableText {
  /** null when it was never written. Throws STORE_CORRUPT when it cannot be read. */
  read(): Promise<string | null>
  write(text: string): Promise<void>
}

export type ProbeTarget =
  | { readonly kind: 'http'; readonly host: string; readonly port: number; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }

export interface ProbeResult {
  readonly ok: boolean
  /** `HTTP 503`, `connection refused`, ...; empty when ok. */
  readonly message: string
}

/** A command of Docker: the words after `docker`. It is ended when the time is over. */
export interface DockerRequest {
  readonly argv: readonly string[]
  readonly timeoutMs: Millis
}

/** The machine that an agent runs on. */
export interface Host {
  readonly hostname: string
  capacity(): Promise<Resources>
  stats(): Promise<HostStats>
  /**
   * Runs the machine's own `docker` program, without input. Resolves when it runs. Throws PREREQUISITE where this node
   * runs no Docker, UNAVAILABLE when too many run already.
   */
  docker(request: DockerRequest): Promise<ExecSession>
  /** Asks a task's port once. Never throws: every failure is a result. */
  probe(target: ProbeTarget, timeoutMs: Millis): Promise<ProbeResult>
}
