import { OperationalError } from '../../src/core/errors.ts'
import type { AgentMessage, ServerMessage } from '../../src/core/model/message.ts'
import type { Rng } from '../../src/lib/rng.ts'
import type { AgentCalls, AgentConnection, PeerCertificate, ServerConnection } from '../../src/ports/link.ts'
import type { VirtualClock } from './clock.ts'
import type { Observe } from './facts.ts'
import type { Mortal } from './mortal.ts'
import type { SimNetwork, Way } from './network.ts'

export interface ConnectionDeps {
  readonly clock: VirtualClock
  readonly rng: Rng
  readonly observe: Observe
  readonly node: string
  /** The machine of the server. */
  readonly serverMachine: string
  readonly network: SimNetwork
  readonly agent: Mortal
  readonly server: Mortal
  readonly calls: AgentCalls
  /** What the agent's certificate says, and why it is not believed any more; null: it has none, it is. */
  readonly peer: PeerCertificate | null
  readonly barred: string | null
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
  /** Its owner has closed it: it says and hears nothing more. */
  left = false
  /** Since when this end takes the other for away, or doubts that it is there; null: it does not. */
  missedSince: number | null = null
  readonly #now: () => number

  constructor(owner: Mortal, now: () => number) {
    this.owner = owner
    this.#now = now
  }

  listen(handle: (message: M) => void): void {
    this.#handle = handle
    for (const message of this.#waiting.splice(0)) handle(message)
  }

  arrive(message: M): void {
    if (this.closed || this.left) return
    this.owner.whenAwake(() => {
      if (this.closed || this.left) return
      if (this.#handle === null) this.#waiting.push(message)
      else this.#handle(message)
    })
  }

  doubt(isDoubtful: boolean): void {
    if (this.closed || !this.owner.alive) return
    this.missedSince = isDoubtful ? (this.missedSince ?? this.#now()) : null
    for (const call of this.onDoubt) call(isDoubtful)
  }

  close(): void {
    if (this.closed) return
    this.owner.whenAwake(() => {
      if (this.closed) return
      this.closed = true
      this.missedSince ??= this.#now()
      for (const call of this.onClose) call()
    })
  }
}

/** Both ends ask each other for a sign of life; a few that stay out end a connection. */
const SILENCE_MS = { least: 2_000, more: 4_000 } as const

/**
 * A connection of an agent to a server: messages arrive in order, or never when it breaks. While the network between the two
 * is cut they wait; it breaks when that lasts, or when the process at one end stands still for as long.
 */
export class SimConnection {
  readonly #deps: ConnectionDeps
  readonly #atServer: End<AgentMessage>
  readonly #atAgent: End<ServerMessage>
  /** Calls that fail when the server learns that the connection is gone. */
  readonly #asked = new Set<(error: Error) => void>()
  /** What waits for the network, in order. */
  readonly #held: (() => void)[] = []
  /** Of what is never changed once it is made. */
  readonly #copies = new WeakMap<object, object>()
  readonly #takeWire: () => void
  #arrivalAtServer = 0
  #arrivalAtAgent = 0
  readonly #openedAt: number
  #silences = 0
  #broken = false

  constructor(deps: ConnectionDeps) {
    this.#deps = deps
    this.#openedAt = deps.clock.now()
    const now = (): number => deps.clock.now()
    this.#atServer = new End(deps.server, now)
    this.#atAgent = new End(deps.agent, now)
    this.#atServer.onClose.push(() => {
      for (const reject of [...this.#asked]) reject(gone(deps.node))
    })
    this.#falter()
    deps.agent.onDeath(() => this.break(deps.rng.below(200)))
    deps.server.onDeath(() => this.break(deps.rng.below(200)))
    this.#takeWire = deps.network.lay({
      ends: [deps.node, deps.serverMachine],
      onCut: () => this.fallSilent(),
      onHeal: () => this.#goOn(),
    })
  }

  /** One end hears nothing of the other, and ends the connection if that lasts. */
  fallSilent(): void {
    const { clock, rng } = this.#deps
    this.#silences += 1
    const silence = this.#silences
    clock.after(SILENCE_MS.least + rng.below(SILENCE_MS.more), () => {
      if (silence === this.#silences && this.#isSilent) this.break(2_000)
    })
  }

  get #isSilent(): boolean {
    const { network, node, serverMachine, agent, server } = this.#deps
    return !network.isWhole(node, serverMachine) || agent.isPaused || server.isPaused
  }

  /** What waited arrives, as far as its way is open. */
  #goOn(): void {
    if (!this.#isSilent) this.#silences += 1
    for (const deliver of this.#held.splice(0)) deliver()
  }

  /** Whether it leads to that process. */
  isOf(server: Mortal | null): boolean {
    return this.#deps.server === server
  }

  /** Whether the server has not noticed its end yet, if it has ended at all. */
  get isOpenAtServer(): boolean {
    return !this.#atServer.closed && this.#atServer.owner.alive
  }

  get isServerAlive(): boolean {
    return this.#deps.server.alive
  }

  /** For how long the server takes the agent for away, or doubts that it is there; 0: it does not. */
  get missedForMs(): number {
    const { missedSince } = this.#atServer
    return missedSince === null ? 0 : this.#deps.clock.now() - missedSince
  }

  get openForMs(): number {
    return this.isOver ? 0 : this.#deps.clock.now() - this.#openedAt
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

  /** It is broken, or one end has closed it. */
  get isOver(): boolean {
    return this.#broken || this.#atServer.left || this.#atAgent.left
  }

  /** What is on its way is lost; each end notices within that time. */
  break(noticedWithinMs: number): void {
    if (this.#broken) return
    this.#broken = true
    this.#takeWire()
    const { clock, rng } = this.#deps
    clock.after(rng.split(`doubt at ${clock.now()}`).below(noticedWithinMs + 1), () => this.#atServer.doubt(true))
    for (const end of [this.#atServer, this.#atAgent]) clock.after(rng.below(noticedWithinMs + 1), () => end.close())
  }

  /** Its owner closes this end: what it has said arrives first, unless it breaks before. */
  #leave(end: End<AgentMessage> | End<ServerMessage>, lastArrival: number): void {
    if (end.left) return
    end.left = true
    const { clock } = this.#deps
    clock.callAt(Math.max(lastArrival, clock.now()), () => this.break(50))
  }

  /** Something that this agent has no business to say arrives from it all the same. */
  say(message: AgentMessage): void {
    this.forAgent().send(message)
  }

  /** Something that a server said long ago arrives again. An answer does not: it belongs to the connection of its question. */
  repeat(message: ServerMessage): void {
    if (message.kind === 'renewed') return
    this.#atAgent.arrive(message)
  }

  /** The agent's end. */
  forAgent(): ServerConnection {
    return {
      address: this.#deps.node,
      send: (message) => {
        if (this.#atAgent.closed || this.#atAgent.left) return
        const { observe, node } = this.#deps
        if (message.kind === 'renew') observe({ kind: 'renewal-asked', node, round: message.round })
        const way = { from: this.#deps.node, to: this.#deps.serverMachine }
        this.#arrivalAtServer = this.#send(message, this.#atServer, way, this.#arrivalAtServer, (sent) =>
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
      close: () => this.#leave(this.#atAgent, this.#arrivalAtServer),
    }
  }

  /** The server's end. */
  forServer(): AgentConnection {
    const { peer, barred } = this.#deps
    return {
      send: (message) => {
        if (this.#atServer.closed || this.#atServer.left) return
        const way = { from: this.#deps.serverMachine, to: this.#deps.node }
        this.#arrivalAtAgent = this.#send(message, this.#atAgent, way, this.#arrivalAtAgent, (sent) =>
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
      close: () => this.#leave(this.#atServer, this.#arrivalAtAgent),
      calls: this.#remoteCalls(),
      peer,
      ...(barred !== null && { barred }),
    }
  }

  #send<M extends AgentMessage | ServerMessage>(
    message: M,
    to: End<M>,
    way: Way,
    after: number,
    tell: (message: M) => void,
  ): number {
    const { clock, rng, copies, network } = this.#deps
    const sent = copies ? this.#copyOf(message) : message
    const at = Math.max(after, clock.now() + rng.below(rng.chance(0.05) ? 150 : 8))
    const deliver = (): void => {
      if (this.#broken || !to.owner.alive) return
      if (!network.isOpen(way.from, way.to)) {
        this.#held.push(deliver)
        return
      }
      tell(sent)
      to.arrive(sent)
    }
    clock.callAt(at, deliver)
    return at
  }

  /** As over the link, where only differences go, what has not changed arrives as the same object. */
  #copyOf<M extends AgentMessage | ServerMessage>(message: M): M {
    if (message.kind !== 'assignment') return copyOf(message)
    const tasks = message.tasks.map((task) =>
      this.#kept(task, () => ({ ...copyOf({ ...task, spec: null }), spec: this.#kept(task.spec, copyOf) })),
    )
    return { ...copyOf({ ...message, tasks: [] }), tasks }
  }

  #kept<T extends object>(value: T, copy: (value: T) => T): T {
    const known = this.#copies.get(value) as T | undefined
    if (known !== undefined) return known
    const made = copy(value)
    this.#copies.set(value, made)
    return made
  }

  /** Takes a part of a call over the network: now, when it is whole again, or not when it is too late by then. */
  #carry(giveUp: (error: Error) => void, arrive: () => void): void {
    if (this.#broken) return
    const { network, node, serverMachine, clock } = this.#deps
    if (network.isWhole(node, serverMachine)) {
      arrive()
      return
    }
    this.#held.push(() => this.#carry(giveUp, arrive))
    clock.after(ANSWER_WITHIN_MS, () => giveUp(gone(node)))
  }

  #remoteCalls(): AgentCalls {
    const { calls, server, agent, clock } = this.#deps
    const remote = <T>(work: () => Promise<T>): Promise<T> =>
      server.await(
        new Promise((resolve, reject) => {
          if (this.#atServer.closed) return reject(gone(this.#deps.node))
          this.#asked.add(reject)
          const answer = (give: () => void): void => {
            clock.after(3, () =>
              this.#carry(reject, () => {
                this.#asked.delete(reject)
                give()
              }),
            )
          }
          clock.after(3, () =>
            this.#carry(reject, () =>
              agent.whenAwake(() => {
                work().then(
                  (value) => answer(() => resolve(value)),
                  (error: unknown) => answer(() => reject(error as Error)),
                )
              }),
            ),
          )
        }),
      )
    return {
      logs: (taskId, query, signal) => calls.logs(taskId, query, signal),
      exec: (taskId, request) => remote(() => calls.exec(taskId, request)),
      docker: (request) => remote(() => calls.docker(request)),
      survey: (images) => remote(() => calls.survey(images)),
      samples: () => remote(() => calls.samples()),
      hostStats: () => remote(() => calls.hostStats()),
      answers: (address, withinMs) => remote(() => calls.answers(address, withinMs)),
    }
  }
}

function copyOf<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T
}

/** What a call waits for its answer at most. */
const ANSWER_WITHIN_MS = 30_000

function gone(node: string): OperationalError {
  return new OperationalError('UNAVAILABLE', `the connection to ${node} is gone`)
}
