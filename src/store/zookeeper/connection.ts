import { OperationalError } from '../../core/errors.ts'
import type { Millis } from '../../core/model/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Endpoint, ServerSocket, TlsOptions } from './endpoint.ts'
import { dial } from './endpoint.ts'
import { answerLost, unreachable } from './failures.ts'
import { JuteReader, JuteWriter } from './jute.ts'
import { Packets } from './packets.ts'
import type { Handshake } from './protocol.ts'
import { authPacket, CODE, connectPacket, OP, readHandshake, XID } from './protocol.ts'

/** What the server answered: its code, and a reader of the rest. */
export interface Answer {
  readonly code: number
  readonly body: JuteReader
}

export interface ConnectionOptions {
  readonly endpoint: Endpoint
  readonly tls: TlsOptions | null
  /** `user:password`, or null. */
  readonly digest: string | null
  /** The session that is begun (id 0) or gone on with. */
  readonly wanted: Handshake
  /** For the whole of connecting. */
  readonly deadlineMs: Millis
  readonly clock: Clock
  readonly onChange: (path: string) => void
}

interface Pending {
  readonly xid: number
  readonly sentAt: Millis
  readonly resolve: (answer: Answer) => void
  readonly reject: (reason: Error) => void
}

/**
 * One connection to one server, for one session. The server answers in the order of the questions, so that the oldest
 * open question tells whether it still answers: one that is a third of the session timeout old ends the connection, and
 * then every open question is rejected with OUTCOME_UNKNOWN. Questions are never lost without a word.
 */
export class Connection {
  /** What was agreed on; null until then, or when the server does not know the session any more. */
  session: Omit<Handshake, 'lastZxid'> | null = null
  /** Highest transaction that the server has told of. */
  lastZxid: bigint
  /** When the newest question was sent that got an answer: the server has known us alive since then at least. */
  answeredAt: Millis
  /** Resolves with the reason when the connection has ended. */
  readonly closed: Promise<Error>
  readonly #socket: ServerSocket
  readonly #options: ConnectionOptions
  readonly #packets = new Packets()
  readonly #pending: Pending[] = []
  readonly #greeted = Promise.withResolvers<void>()
  #tellClosed: (reason: Error) => void = () => undefined
  #greeting = true
  #lastXid = 0
  #pingedAt: Millis | null = null
  #beatAt: Millis
  #cancelTimer: () => void
  #ended: Error | null = null

  private constructor(options: ConnectionOptions) {
    this.#options = options
    this.lastZxid = options.wanted.lastZxid
    const now = options.clock.now()
    this.answeredAt = now
    this.#beatAt = now
    this.closed = new Promise((resolve) => {
      this.#tellClosed = resolve
    })
    this.#socket = dial(options.endpoint, options.tls)
    this.#cancelTimer = options.clock.callAt(now + options.deadlineMs, () => this.#end(new Error('no answer in time')))
    this.#listen()
  }

  /** Resolves when the server has taken the session or denied it (`session` is null); rejects with UNAVAILABLE. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const connection = new Connection(options)
    await connection.#greeted.promise
    return connection
  }

  /** Asks, and resolves with the answer; rejects with UNAVAILABLE if it was not sent, else with OUTCOME_UNKNOWN. */
  ask(op: number, write: (writer: JuteWriter) => void): Promise<Answer> {
    if (this.#ended !== null) return Promise.reject(unreachable(this.#ended.message, this.#ended))
    this.#lastXid = (this.#lastXid % 0x7fff_fffe) + 1
    const xid = this.#lastXid
    const writer = new JuteWriter().int(xid).int(op)
    write(writer)
    return new Promise((resolve, reject) => {
      this.#pending.push({ xid, sentAt: this.#options.clock.now(), resolve, reject })
      this.#socket.write(writer.packet())
    })
  }

  /** Ends it at once. */
  destroy(reason: Error): void {
    this.#end(reason)
  }

  #listen(): void {
    const { tls, wanted } = this.#options
    this.#socket.once(tls === null ? 'connect' : 'secureConnect', () => {
      this.answeredAt = this.#options.clock.now()
      this.#socket.write(connectPacket(wanted))
    })
    this.#socket.on('data', (chunk: Buffer) => {
      try {
        for (const packet of this.#packets.take(chunk)) this.#take(packet)
      } catch (error) {
        // Bytes from outside that make no sense: whoever sent them is not listened to any longer.
        this.#end(error instanceof Error ? error : new Error(String(error)))
      }
    })
    this.#socket.once('error', (error) => this.#end(error))
    this.#socket.once('close', () => this.#end(new Error('it closed the connection')))
  }

  #take(packet: Buffer): void {
    if (this.#ended !== null) return
    if (this.#greeting) {
      this.#greet(packet)
      return
    }
    const body = new JuteReader(packet)
    const xid = body.int()
    const zxid = body.long()
    const code = body.int()
    if (zxid > this.lastZxid) this.lastZxid = zxid
    if (xid === XID.ping) this.#takePing()
    else if (xid === XID.watch) this.#takeChange(body)
    else if (xid === XID.auth) this.#takeAuth(code)
    else this.#takeAnswer(xid, { code, body })
  }

  #greet(packet: Buffer): void {
    this.#greeting = false
    this.session = readHandshake(packet)
    this.#cancelTimer()
    if (this.session === null) {
      this.#end(new Error('the session has expired'))
    } else {
      this.#beatLater(this.session.timeoutMs)
      if (this.#options.digest !== null) this.#socket.write(authPacket('digest', this.#options.digest))
    }
    this.#greeted.resolve()
  }

  #takePing(): void {
    if (this.#pingedAt !== null) this.answeredAt = this.#pingedAt
    this.#pingedAt = null
  }

  #takeChange(body: JuteReader): void {
    body.int()
    body.int()
    this.#options.onChange(body.text())
  }

  #takeAuth(code: number): void {
    if (code === CODE.ok) return
    this.#end(new OperationalError('PREREQUISITE', 'cannot use ZooKeeper: it refuses the user or the password'))
  }

  #takeAnswer(xid: number, answer: Answer): void {
    const pending = this.#pending.shift()
    if (pending?.xid !== xid) throw new Error('it answered out of order')
    this.answeredAt = Math.max(this.answeredAt, pending.sentAt)
    pending.resolve(answer)
    // The session goes on, but at another connection; this one can only be told no.
    if (answer.code === CODE.sessionMoved) this.#end(new Error('the session has moved'))
  }

  /** Twice in the time that an answer may take, so that a server that hangs is noticed after half the session timeout. */
  #beatLater(timeoutMs: Millis): void {
    const { clock } = this.#options
    this.#cancelTimer = clock.callAt(clock.now() + timeoutMs / 6, () => {
      this.#beat()
      if (this.#ended === null) this.#beatLater(timeoutMs)
    })
  }

  #beat(): void {
    const limitMs = (this.session?.timeoutMs ?? 0) / 3
    const now = this.#options.clock.now()
    const oldest = Math.min(this.#pending[0]?.sentAt ?? now, this.#pingedAt ?? now)
    // Where we ourselves were asleep, the answer may wait to be read.
    const wasAsleep = now - this.#beatAt >= limitMs
    this.#beatAt = now
    if (now - oldest >= limitMs && !wasAsleep) this.#end(new Error('it does not answer'))
    if (this.#ended !== null || this.#pingedAt !== null) return
    this.#pingedAt = now
    this.#socket.write(new JuteWriter().int(XID.ping).int(OP.ping).packet())
  }

  #end(reason: Error): void {
    if (this.#ended !== null) return
    this.#ended = reason
    this.#cancelTimer()
    this.#socket.destroy()
    if (this.#greeting) {
      this.#greeting = false
      this.#greeted.reject(reason instanceof OperationalError ? reason : unreachable(reason.message, reason))
    }
    for (const { reject } of this.#pending.splice(0)) reject(answerLost(reason.message, reason))
    this.#tellClosed(reason)
  }
}
