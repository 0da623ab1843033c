import type { Lease } from '../../ports/store.ts'
import { unreachable } from './failures.ts'
import type { Session } from './session.ts'

/**
 * A lease that was won. It is lost before the session can have expired at any server, counted from what was sent and
 * answered on this machine's own clock: nobody else can hold it while ours still looks good.
 */
export class HeldLease implements Lease {
  readonly #session: Session
  readonly #closed: AbortSignal
  readonly #withdraw: () => Promise<void>
  readonly #lost = new AbortController()
  readonly #onSessionEnd = (): void => this.#lose(this.#session.ended.reason)
  readonly #onClose = (): void => this.#lose(this.#closed.reason)
  #cancelGuard: () => void = () => undefined

  /** `withdraw` gives up the place in the queue. */
  constructor(session: Session, closed: AbortSignal, withdraw: () => Promise<void>) {
    this.#session = session
    this.#closed = closed
    this.#withdraw = withdraw
    session.ended.addEventListener('abort', this.#onSessionEnd)
    closed.addEventListener('abort', this.#onClose)
    if (session.ended.aborted) this.#onSessionEnd()
    else if (closed.aborted) this.#onClose()
    else this.#guard()
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  release(): Promise<void> {
    this.#stop()
    return this.#withdraw()
  }

  #guard(): void {
    const { clock, safeUntil } = this.#session
    if (clock.now() < safeUntil) this.#cancelGuard = clock.callAt(safeUntil, () => this.#guard())
    else this.#lose(unreachable('the lease could not be renewed in time'))
  }

  #lose(reason: unknown): void {
    this.#stop()
    this.#lost.abort(reason)
    // The session may recover, and the place would keep others waiting for nothing.
    void this.#withdraw()
  }

  #stop(): void {
    this.#cancelGuard()
    this.#session.ended.removeEventListener('abort', this.#onSessionEnd)
    this.#closed.removeEventListener('abort', this.#onClose)
  }
}
