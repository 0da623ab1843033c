const FIRST_MS = 1_000
const LONGEST_MS = 60_000

/**
 * Pause before the next try after so many failures in a row: 0, 1, 2, 4, ... 60 s. The first retry is immediate:
 * most crashes are single, and an outage of a second is worse than one wasted start.
 */
export function retryDelayMs(failures: number): number {
  if (failures <= 1) return 0
  return Math.min(FIRST_MS * 2 ** (failures - 2), LONGEST_MS)
}
