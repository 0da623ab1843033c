import type { Lease } from '../../ports/store.ts'
import { LocalLease } from '../local-lease.ts'

/** A lease that can be had only while this server keeps the state, and is lost when it does not any more. */
export class KeeperLease {
  #tenure: LocalLease | null = null
  #waiting: (() => void)[] = []

  begin(): void {
    this.#tenure = new LocalLease()
    for (const wake of this.#waiting.splice(0)) wake()
  }

  end(reason: Error): void {
    this.#tenure?.close(reason)
    this.#tenure = null
  }

  async campaign(signal: AbortSignal): Promise<Lease> {
    for (;;) {
      const tenure = this.#tenure
      if (tenure === null) {
        await this.#untilBegun(signal)
        continue
      }
      const lease = await tenure.campaign(signal)
      if (tenure === this.#tenure) return lease
      // The others who wait for it find out in the same way.
      await lease.release()
    }
  }

  #untilBegun(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      const onAbort = (): void => {
        this.#waiting = this.#waiting.filter((one) => one !== wake)
        reject(signal.reason)
      }
      const wake = (): void => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      }
      this.#waiting.push(wake)
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }
}
