import type { HostStats } from '../core/model/host-stats.ts'
import type { NodeIdentity } from '../core/model/identity.ts'
import type { Millis, TaskId } from '../core/model/ids.ts'
import type { AgentMessage, ServerMessage, TaskSample } from '../core/model/message.ts'
import type { RuntimeDescription } from '../core/model/node.ts'
import type { DockerRequest } from './host.ts'
import type { ExecRequest, ExecSession, LogLine, LogQuery } from './runtime.ts'

/** What a plan rests on that only the node itself knows. */
export interface Survey {
  /** As they are now; what the node told before may be older. */
  readonly runtimes: readonly RuntimeDescription[]
  /** Those of the images in question that need no pull. */
  readonly presentImages: readonly string[]
}

/** What a server can ask of a connected agent at any time. Failures are OperationalErrors. */
export interface AgentCalls {
  logs(taskId: TaskId, query: LogQuery, signal: AbortSignal): AsyncIterable<LogLine>
  exec(taskId: TaskId, request: ExecRequest): Promise<ExecSession>
  /** Runs a command of Docker on the node; see `Host`. */
  docker(request: DockerRequest): Promise<ExecSession>
  survey(images: readonly string[]): Promise<Survey>
  samples(): Promise<readonly TaskSample[]>
  hostStats(): Promise<HostStats>
  /** Whether another machine's network answers this one; see `Reach`. */
  answers(address: string, withinMs: Millis): Promise<boolean>
}

/** Who the other end of a connection is, as its certificate says. */
export interface PeerCertificate extends NodeIdentity {
  readonly serial: string
  readonly notAfter: Millis
  /** What its public key is known by. To compute it takes longer than all else that a connection begins with. */
  keyHash(): string
}

/** The server's end of one agent's connection. Messages may be lost only together with the connection. */
export interface AgentConnection {
  send(message: ServerMessage): void
  onMessage(handle: (message: AgentMessage) => void): void
  onClose(handle: () => void): void
  /**
   * Calls with true when the agent has not been heard for longer than its heartbeat takes, and with false when it is heard
   * again. A connection may end in doubt, and without any.
   */
  onDoubt(handle: (isDoubtful: boolean) => void): void
  close(): void
  readonly calls: AgentCalls
  /** null: a part of this very process. */
  readonly peer: PeerCertificate | null
  /** Why the certificate of the other end is not believed any more: it may be told so, and nothing else. */
  readonly barred?: string
}

/** The agent's end of its connection to a server. */
export interface ServerConnection {
  /**
   * The address of this machine that the connection has, by which servers reach it too unless addresses are translated in
   * between; null: none that means something to other machines.
   */
  readonly address: string | null
  send(message: AgentMessage): void
  onMessage(handle: (message: ServerMessage) => void): void
  onClose(handle: () => void): void
  close(): void
}

/** How an agent reaches a server: it dials, it never listens. */
export interface Link {
  /** Throws UNAVAILABLE when no server answers. */
  connect(calls: AgentCalls): Promise<ServerConnection>
  /** The next connection is tried there first. */
  prefer(address: string): void
}
