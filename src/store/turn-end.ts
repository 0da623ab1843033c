import { setImmediate } from 'node:timers'

/** Resolves after the input of this turn of the event loop, and so after all who commit because of it. */
export function endOfTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
