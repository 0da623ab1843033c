import type { Clock } from '../ports/clock.ts'

// The longest delay that a timer takes; a longer one would fire at once.
const LONGEST_TIMER_MS = 2_147_483_647

/**
 * The machine's time: its wall clock when this was called, plus the time that has passed since. It therefore never goes
 * back or jumps when the machine's clock is set, and two clocks of one process may differ.
 *
 * A pending call keeps the process alive: whoever asks for one also cancels it, so a process that does not end has
 * something that was not closed.
 */
export function systemClock(): Clock {
  const offset = Date.now() - performance.now()
  const now = (): number => Math.floor(offset + performance.now())
  const callAt = (at: number, call: () => void): (() => void) => {
    let timer: NodeJS.Timeout
    const arm = (): void => {
      timer = setTimeout(fire, Math.min(Math.max(at - now(), 0), LONGEST_TIMER_MS))
    }
    const fire = (): void => {
      // Timers may fire a millisecond early, and very long waits come in pieces.
      if (now() < at) arm()
      else call()
    }
    arm()
    return () => clearTimeout(timer)
  }
  return { now, callAt }
}
