import { OperationalError } from '../core/errors.ts'
import type { Millis } from '../core/model/ids.ts'
import { systemClock } from '../drivers/clock.ts'
import { systemRng } from '../drivers/rng.ts'
import type { Rng } from '../lib/rng.ts'
import { type Clock, sleep } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'

const FIRST_PAUSE_MS: Millis = 500
const LONGEST_PAUSE_MS: Millis = 15_000

/** With what a machine waits, and until when. */
export interface JoinPatience {
  readonly clock: Clock
  readonly rng: Rng
  /** Ends the waiting with its reason; an attempt that is under way comes to its end before. */
  readonly signal: AbortSignal
}

const NEVER = new AbortController().signal

/**
 * Joins as soon as a server lets this machine in: one that is installed before the servers waits for them, with a pause
 * that grows and is never quite the same for two machines. Throws what waiting does not change.
 */
export async function joinWhenPossible<T>(
  join: () => Promise<T>,
  log: Log,
  { clock = systemClock(), rng = systemRng(), signal = NEVER }: Partial<JoinPatience> = {},
): Promise<T> {
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    try {
      return await join()
    } catch (error) {
      if (!(error instanceof OperationalError) || error.traits.retry === 'never') throw error
      log.warn('waiting to join', { reason: error.message })
      await sleep(clock, pause / 2 + rng.below(pause), signal)
    }
  }
}
