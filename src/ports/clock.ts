import type { Millis } from '../core/model/ids.ts'

/** Time. Never goes back within a process, even when the machine's clock is set. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): Millis
  /** Calls once at that time, or as soon as possible when it has passed. Returns a function that cancels the call. */
  callAt(at: Millis, call: () => void): () => void
}

/** What is to be called when a signal aborts: one listener for all sleepers, since adding one costs more than sleeping. */
const sleepers = new WeakMap<AbortSignal, Set<() => void>>()

/** Resolves after a pause, or rejects with the signal's reason as soon as the signal aborts. */
export function sleep(clock: Clock, ms: Millis, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error)
    const asleep = signal === undefined ? null : sleepersOf(signal)
    const onAbort = (): void => {
      cancel()
      reject(signal?.reason as Error)
    }
    const cancel = clock.callAt(clock.now() + ms, () => {
      asleep?.delete(onAbort)
      resolve()
    })
    asleep?.add(onAbort)
  })
}

function sleepersOf(signal: AbortSignal): Set<() => void> {
  const known = sleepers.get(signal)
  if (known !== undefined) return known
  const asleep = new Set<() => void>()
  sleepers.set(signal, asleep)
  const wakeAll = (): void => {
    for (const wake of asleep) wake()
    asleep.clear()
  }
  signal.addEventListener('abort', wakeAll, { once: true })
  return asleep
}
