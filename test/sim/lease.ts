import type { Lease } from '../../src/ports/store.ts'
import type { Mortal } from './mortal.ts'

interface Candidate {
  readonly user: Mortal
  readonly win: (lease: Lease) => void
}

/** The lock of the simulated store: who waits for it, who has it, and the ways in which it is lost. */
export class SimLease {
  readonly #waiting: Candidate[] = []
  #holder: { readonly user: Mortal; readonly lost: AbortController } | null = null

  get holder(): Mortal | null {
    return this.#holder?.user ?? null
  }

  get isWanted(): boolean {
    return this.#waiting.some(({ user }) => user.alive)
  }

  campaign(user: Mortal, signal: AbortSignal): Promise<Lease> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error)
      const candidate: Candidate = {
        user,
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
      if (this.#holder === null) this.#next()
    })
  }

  /** The lease is given to the next one; `tell` decides whether the present holder hears of it. */
  takeAway(tell: boolean): void {
    const held = this.#holder
    this.#holder = null
    this.#next()
    if (tell) held?.lost.abort(new Error('the lease is lost'))
  }

  #next(): void {
    for (let candidate = this.#waiting.shift(); candidate !== undefined; candidate = this.#waiting.shift()) {
      if (!candidate.user.alive) continue
      const holder = { user: candidate.user, lost: new AbortController() }
      this.#holder = holder
      const release = async (): Promise<void> => {
        if (this.#holder === holder) this.takeAway(false)
      }
      candidate.win({ lost: holder.lost.signal, release })
      return
    }
  }
}
