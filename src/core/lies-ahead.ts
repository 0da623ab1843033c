import { retryDelayMs } from '../lib/backoff.ts'
import type { Millis } from './model/ids.ts'

const LONGEST_PAUSE_MS: Millis = retryDelayMs(Number.MAX_SAFE_INTEGER)

/**
 * Whether something that has happened lies further ahead than any pause takes: it was told by a clock that was wrong by far, or
 * that has been set back since. Nothing is to wait until that time has come.
 */
export function liesAhead(at: Millis, now: Millis): boolean {
  return at - now > LONGEST_PAUSE_MS
}
