import { OperationalError } from '../core/errors.ts'
import type { TaskId } from '../core/model/ids.ts'
import type { Assignment, Hello, Refused, Renewed, ServerMessage, TrustUpdate } from '../core/model/message.ts'
import type { TaskStatus } from '../core/model/task.ts'
import type { Rng } from '../lib/rng.ts'
import type { Clock } from '../ports/clock.ts'
import type { AgentCalls, Link, ServerConnection } from '../ports/link.ts'
import type { Log } from '../ports/log.ts'

export interface SessionDeps {
  readonly clock: Clock
  readonly rng: Rng
  readonly log: Log
  readonly link: Link
  readonly calls: AgentCalls
  /** Who this is, for a server that is reached from this address. */
  readonly hello: (address: string | null) => Hello
  readonly onAssignment: (assignment: Assignment) => void
  readonly onTrust: (update: TrustUpdate) => void
  readonly onRefused: (refusal: Refused) => void
  readonly onRenewed: (renewed: Renewed) => void
}

const FIRST_PAUSE_MS = 100
/** Short, because nothing is decided for this node meanwhile; long enough that thousands do not drown a new leader. */
const LONGEST_PAUSE_MS = 2_000

/** Keeps the agent connected to a server, says who it is, and reports what changed since it was last said. */
export class Session {
  readonly #deps: SessionDeps
  #connection: ServerConnection | null = null
  #told = new Map<TaskId, TaskStatus>()
  #toldSettled = false
  #failures = 0
  /** Why it was refused last. */
  #refusal: string | null = null
  #stopped = false
  #cancelRetry: (() => void) | null = null

  constructor(deps: SessionDeps) {
    this.#deps = deps
  }

  start(): void {
    void this.#connect()
  }

  stop(): void {
    this.#stopped = true
    this.#cancelRetry?.()
    this.#connection?.close()
  }

  /** Sends the statuses that this server has not heard yet. Without a connection they are told after the next hello. */
  report(statuses: Iterable<{ readonly taskId: TaskId; readonly status: TaskStatus }>): void {
    if (this.#connection === null) return
    const changed = [...statuses].filter(({ taskId, status }) => this.#told.get(taskId) !== status)
    if (changed.length === 0) return
    for (const { taskId, status } of changed) this.#told.set(taskId, status)
    this.#connection.send({ kind: 'report', statuses: changed })
  }

  /** Says that nothing runs here which a settled state does not know; once after each assignment. */
  settled(): void {
    if (this.#connection === null || this.#toldSettled) return
    this.#toldSettled = true
    this.#connection.send({ kind: 'report', statuses: [], settled: true })
  }

  /** Asks the leader to renew the leases of this node. Without a connection nothing is asked. */
  renew(round: number): void {
    this.#connection?.send({ kind: 'renew', round })
  }

  /** Says again who we are: a runtime came or went, or the node's facts changed. */
  introduce(): void {
    this.#say(this.#connection)
  }

  #say(connection: ServerConnection | null): void {
    connection?.send(this.#deps.hello(connection.address))
  }

  async #connect(): Promise<void> {
    try {
      const connection = await this.#deps.link.connect(this.#deps.calls)
      if (this.#stopped) return connection.close()
      this.#connection = connection
      this.#told = new Map()
      connection.onMessage((message) => this.#take(message, connection))
      connection.onClose(() => {
        if (this.#connection !== connection) return
        this.#connection = null
        this.#retry('the connection was closed')
      })
      this.#say(connection)
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error
      this.#retry(error.message)
    }
  }

  #take(message: ServerMessage, connection: ServerConnection): void {
    if (message.kind === 'assignment') {
      this.#refusal = null
      this.#failures = 0
      this.#toldSettled = false
      this.#deps.onAssignment(message)
      return
    }
    if (message.kind === 'trust') {
      this.#deps.onTrust(message)
      return
    }
    if (message.kind === 'renewed') {
      this.#deps.onRenewed(message)
      return
    }
    if (message.kind === 'elsewhere') {
      // Whoever leads is found at once, the first time; later the pauses grow as always.
      if (message.leader !== null) this.#deps.link.prefer(message.leader)
      connection.close()
      return
    }
    // What is wrong is for people to mend, who are told once; until then it is tried again, ever more slowly.
    if (this.#refusal !== message.message) this.#deps.log.error('server refused this node', { reason: message.message })
    this.#refusal = message.message
    this.#deps.onRefused(message)
    connection.close()
  }

  #retry(why: string): void {
    if (this.#stopped) return
    this.#failures += 1
    // Full jitter: agents that lost the same server must not come back at the same moment.
    const longest = Math.min(FIRST_PAUSE_MS * 2 ** this.#failures, LONGEST_PAUSE_MS)
    const pauseMs = FIRST_PAUSE_MS + this.#deps.rng.below(longest)
    this.#deps.log.info('no server, trying again', { reason: why, pauseMs })
    const { clock } = this.#deps
    this.#cancelRetry = clock.callAt(clock.now() + pauseMs, () => void this.#connect())
  }
}
