import type { Lease } from '../ports/store.ts'

/** The lease of a store that only one process can use: a queue, first come, first served. */
export class LocalLease {
  readonly #queue: (() => void)[] = []
  #held: AbortController | null = null

  async campaign(signal: AbortSignal): Promise<Lease> {
    signal.throwIfAborted()
    if (this.#held !== null) await this.#wait(signal)
    const held = new AbortController()
    this.#held = held
    let released = false
    const release = async (): Promise<void> => {
      if (!released) this.#handOver()
      released = true
    }
    return { lost: held.signal, release }
  }

  /** Takes the lease from whoever holds it: the store is closing. */
  close(reason: Error): void {
    this.#held?.abort(reason)
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#queue.splice(this.#queue.indexOf(win), 1)
        reject(signal.reason as Error)
      }
      const win = (): void => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      }
      this.#queue.push(win)
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }

  #handOver(): void {
    const next = this.#queue.shift()
    // `held` stays set while the next one wakes, so that nobody slips in between.
    if (next === undefined) this.#held = null
    else next()
  }
}
