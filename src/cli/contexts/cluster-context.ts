/** A cluster that commands can be sent to, as a file names it. */
export interface ClusterContext {
  readonly name: string
  /** Another name that the file gives it; null: none. */
  readonly title: string | null
  /** URLs of its servers, in the order in which they are asked; empty when it is reached by a socket. */
  readonly servers: readonly string[]
  readonly socket: string | null
  /** Absolute paths. */
  readonly tokenFile: string | null
  readonly caFile: string | null
  /** Of the authority that its servers must belong to, in base32. */
  readonly fingerprint: string | null
  /** A server that does not answer within that time counts as gone. */
  readonly timeoutMs: number
  /** How often all servers are tried again when none could be reached. */
  readonly retries: number
  /** The file that names it. */
  readonly file: string
}

/** What one file says. */
export interface ContextFile {
  readonly path: string
  readonly contexts: readonly ClusterContext[]
  /** The one that commands go to; null: it selects none. */
  readonly selected: string | null
  /** What stands in it and has no effect, each with the reason. */
  readonly notes: readonly string[]
}

export const DEFAULT_TIMEOUT_MS = 10_000
export const DEFAULT_RETRIES = 3
