/** Losing so few tasks at once is ordinary in a cluster of any size. */
const ALWAYS_ALLOWED = 3
const ALLOWED_PERCENT = 25

export interface GuardVerdict {
  readonly allowed: boolean
  /** Why not, with the numbers; empty when it is allowed. */
  readonly message: string
}

/** After a restore nothing that runs is removed because the state does not know it. */
export function keepUnknown(running: number): GuardVerdict {
  if (running === 0) return { allowed: true, message: '' }
  const message = `${running} running tasks are not known to the state that was put back; they stay until \`gantry cluster settle\``
  return { allowed: false, message }
}

/**
 * Limits how much one pass may take down that no user asked for: more than that is rather a fault in what we believe
 * (an empty or older store, a bug) than a wish. `unasked` counts running tasks that would go below what is desired;
 * superseded and surplus attempts, and what a user scaled or removed, are not among them.
 */
export function guardRemovals(running: number, unasked: number): GuardVerdict {
  const limit = Math.max(ALWAYS_ALLOWED, (running * ALLOWED_PERCENT) / 100)
  if (unasked <= limit) return { allowed: true, message: '' }
  return {
    allowed: false,
    message: `would take down ${unasked} of ${running} running tasks that nobody asked to remove; at most ${Math.floor(limit)} may go at once`,
  }
}
