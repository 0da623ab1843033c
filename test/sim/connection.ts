import { OperationalError } from '../../src/core/errors.ts'
import type { AgentMessage, ServerMessage } from '../../src/core/model/message.ts'
import type { Rng } from '../../src/lib/rng.ts'
import type { AgentCalls, AgentConnection, ServerConnection } from '../../src/ports/link.ts'
import type { VirtualClock } from './clock.ts'
import type { Observe } from './facts.ts'
import type { Mortal } from './mortal.ts'

export interface ConnectionDeps {
  readonly clock: VirtualClock
  readonly rng: Rng
  readonly observe: Observe
  readonly node: string
  readonly agent: Mortal
  readonly server: Mortal
  readonly calls: AgentCalls
  /** Whether messages are copied, as over a network, or handed over, as within a process. */
  readonly copies: boolean
}

/** One end: what has arrived for it and who listens there. */
class End<M> {
  readonly owner: Mortal
  readonly onClose: (() => void)[] = []
  readonly onDoubt: ((isDoubtful: boolean) => void)[] = []
  readonly #waiting: M[] = []
  #handle: ((message: M) => void) | null = null
  closed = false

  constructor(owner: Mortal) {
    this.owner = owner
  }

  listen(handle: (message: M) => void): void {
    this.#handle = handle
    for (const message of this.#waiting.splice(0)) handle(message)
  }

  arrive(message: M): void {
    if (this.closed || !this.owner.alive) return
    if (this.#handle === null) this.#waiting.push(message)
    else this.#handle(message)
  }

  doubt(isDoubtful: boolean): void {
    if (this.closed || !this.owner.alive) return
    for (const call of this.onDoubt) call(isDoubtful)
  }

  close(): void {
    if (this.closed || !this.owner.alive) return
    this.closed = true
    for (const call of this.onClose) call()
  }
}

/** A connection of an agent to a server: messages arrive in order, or never when it breaks. */
export class SimConnection {
  readonly #deps: ConnectionDeps
  readonly #atServer: End<AgentMessage>
  readonly #atAgent: End<ServerMessage>
  /** Calls that fail when the server learns that the connection is gone. */
  readonly #asked = new Set<(error: Error) => void>()
  #arrivalAtServer = 0
  #arrivalAtAgent = 0
  #broken = false

  constructor(deps: ConnectionDeps) {
    this.#deps = deps
    this.#atServer = new End(deps.server)
    this.#atAgent = new End(deps.agent)
    this.#atServer.onClose.push(() => {
      for (const reject of [...this.#asked]) reject(gone(deps.node))
    })
    this.#falter()
    deps.agent.onDeath(() => this.break(deps.rng.below(200)))
    deps.server.onDeath(() => this.break(deps.rng.below(200)))
  }

  /** Now and then the agent is not heard for a moment, and then again. */
  #falter(): void {
    const { clock } = this.#deps
    const rng = this.#deps.rng.split(`doubt at ${clock.now()}`)
    if (!rng.chance(0.3)) return
    clock.after(rng.below(20_000), () => this.#atServer.doubt(true))
    clock.after(20_000 + rng.below(4_000), () => {
      if (!this.#broken) this.#atServer.doubt(false)
    })
  }

  get isBroken(): boolean {
    return this.#broken
  }

  /** What is on its way is lost; each end notices within that time. */
  break(noticedWithinMs: number): void {
    if (this.#broken) return
    this.#broken = true
    const { clock, rng } = this.#deps
    clock.after(rng.split(`doubt at ${clock.now()}`).below(noticedWithinMs + 1), () => this.#atServer.doubt(true))
    for (const end of [this.#atServer, this.#atAgent]) clock.after(rng.below(noticedWithinMs + 1), () => end.close())
  }

  /** Something that this agent has no business to say arrives from it all the same. */
  say(message: AgentMessage): void {
    this.forAgent().send(message)
  }

  /** Something that a server said long ago arrives again. */
  repeat(message: ServerMessage): void {
    this.#atAgent.arrive(message)
  }

  /** The agent's end. */
  forAgent(): ServerConnection {
    return {
      send: (message) => {
        if (this.#atAgent.closed) return
        this.#arrivalAtServer = this.#send(message, this.#atServer, this.#arrivalAtServer, (sent) =>
          this.#deps.observe({
            kind: 'to-server',
            node: this.#deps.node,
            server: this.#deps.server.name,
            message: sent,
          }),
        )
      },
      onMessage: (handle) => this.#atAgent.listen(handle),
      onClose: (handle) => this.#atAgent.onClose.push(handle),
      close: () => this.break(50),
    }
  }

  /** The server's end. */
  forServer(): AgentConnection {
    return {
      send: (message) => {
        if (this.#atServer.closed) return
        this.#arrivalAtAgent = this.#send(message, this.#atAgent, this.#arrivalAtAgent, (sent) =>
          this.#deps.observe({
            kind: 'to-agent',
            node: this.#deps.node,
            server: this.#deps.server.name,
            message: sent,
          }),
        )
      },
      onMessage: (handle) => this.#atServer.listen(handle),
      onClose: (handle) => this.#atServer.onClose.push(handle),
      onDoubt: (handle) => this.#atServer.onDoubt.push(handle),
      close: () => this.break(50),
      calls: this.#remoteCalls(),
      peer: null,
    }
  }

  #send<M>(message: M, to: End<M>, after: number, tell: (message: M) => void): number {
    const { clock, rng, copies } = this.#deps
    const sent = copies ? (JSON.parse(JSON.stringify(message)) as M) : message
    const at = Math.max(after, clock.now() + rng.below(rng.chance(0.05) ? 150 : 8))
    clock.callAt(at, () => {
      if (this.#broken || !to.owner.alive) return
      tell(sent)
      to.arrive(sent)
    })
    return at
  }

  #remoteCalls(): AgentCalls {
    const { calls, server, clock } = this.#deps
    const remote = <T>(work: () => Promise<T>): Promise<T> =>
      server.await(
        new Promise((resolve, reject) => {
          if (this.#atServer.closed) return reject(gone(this.#deps.node))
          this.#asked.add(reject)
          const answer = (give: () => void): void => {
            clock.after(3, () => {
              if (this.#broken) return
              this.#asked.delete(reject)
              give()
            })
          }
          clock.after(3, () => {
            if (this.#broken) return
            work().then(
              (value) => answer(() => resolve(value)),
              (error: unknown) => answer(() => reject(error as Error)),
            )
          })
        }),
      )
    return {
      logs: (taskId, query, signal) => calls.logs(taskId, query, signal),
      exec: (taskId, request) => remote(() => calls.exec(taskId, request)),
      survey: (images) => remote(() => calls.survey(images)),
      samples: () => remote(() => calls.samples()),
      hostStats: () => remote(() => calls.hostStats()),
      answers: (address, withinMs) => remote(() => calls.answers(address, withinMs)),
    }
  }
}

function gone(node: string): OperationalError {
  return new OperationalError('UNAVAILABLE', `the connection to ${node} is gone`)
}
