import type { Millis } from './model/ids.ts'

const MINUTE_MS: Millis = 60_000
const HOUR_MS: Millis = 60 * MINUTE_MS

/** A length of time as people say it: `3 min`, and `26 h` from two hours on. */
export function timeWords(ms: Millis): string {
  return ms < 2 * HOUR_MS ? `${Math.round(ms / MINUTE_MS)} min` : `${Math.round(ms / HOUR_MS)} h`
}
