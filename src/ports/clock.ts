import type { Millis } from '../core/model/ids.ts'

/** Time. Never goes back within a process, even when the machine's clock is set. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): Millis
  /** Calls once at that time, or as soon as possible when it has passed. Returns a function that cancels the call. */
  callAt(at: Millis, call: () => void): () => void
}

/** Resolves after a pause, or rejects with the signal's reason as soon as the signal aborts. */
export function sleep(clock: Clock, ms: Millis, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error)
    const onAbort = (): void => {
      cancel()
      reject(signal?.reason as Error)
    }
    const cancel = clock.callAt(clock.now() + ms, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
