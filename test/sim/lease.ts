import type { Lease } from '../../src/ports/store.ts'
import type { Mortal } from './mortal.ts'

interface Candidate {
  readonly user: Mortal
  /** Whether the store hears of it now. */
  readonly isHeard: () => boolean
  readonly win: (lease: Lease) => void
}

interface Held {
  readonly user: Mortal
  readonly lost: AbortController
}

/** The lock of the simulated store: who waits for it, who has it, and the ways in which it is lost. */
export class SimLease {
  readonly #waiting: Candidate[] = []
  #holder: Held | null = null

  get holder(): Mortal | null {
    return this.#holder?.user ?? null
  }

  get isWanted(): boolean {
    return this.#waiting.some(({ user }) => user.alive)
  }

  campaign(user: Mortal, signal: AbortSignal, isHeard: () => boolean = () => true): Promise<Lease> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error)
      const candidate: Candidate = {
        user,
        isHeard,
        win: (lease) => {
          signal.removeEventListener('abort', onAbort)
          resolve(lease)
        },
      }
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(candidate), 1)
        reject(signal.reason as Error)
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#waiting.push(candidate)
      this.offer()
    })
  }

  /** The lease is given to the next one; `tell` decides whether the present holder hears of it. */
  takeAway(tell: boolean): void {
    const held = this.#holder
    this.#holder = null
    this.offer()
    if (tell) held?.lost.abort(new Error('the lease is lost'))
  }

  /** Like `takeAway`, but its holder hears of it when the returned function is called. */
  takeQuietly(): () => void {
    const held = this.#holder
    this.takeAway(false)
    return () => held?.user.whenAwake(() => held.lost.abort(new Error('the lease was lost a while ago')))
  }

  /** Gives a lease that is free to the first candidate that the store hears. */
  offer(): void {
    if (this.#holder !== null) return
    const living = this.#waiting.filter(({ user }) => user.alive)
    const next = living.find(({ isHeard }) => isHeard())
    this.#waiting.splice(0, this.#waiting.length, ...living.filter((one) => one !== next))
    if (next === undefined) return
    const holder: Held = { user: next.user, lost: new AbortController() }
    this.#holder = holder
    const release = async (): Promise<void> => {
      if (this.#holder === holder) this.takeAway(false)
    }
    next.win({ lost: holder.lost.signal, release })
  }
}
