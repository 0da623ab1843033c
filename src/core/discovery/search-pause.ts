import type { Millis } from '../model/ids.ts'

const FIRST_MS = 500
const LONGEST_MS = 30_000

/**
 * Pause after the nth search (from 0) before the next: twice as long each time, up to half a minute. `draw` in [0, 1)
 * takes up to half of it away, so that nodes that start together do not go on asking together.
 */
export function searchPauseMs(round: number, draw: number): Millis {
  return Math.round(Math.min(FIRST_MS * 2 ** round, LONGEST_MS) * (1 - draw / 2))
}
