import type { Millis } from '../core/model/ids.ts'
import type { RuntimeKind } from '../core/model/service.ts'

/** A container that must not run after a time. */
export interface Deadline {
  readonly kind: RuntimeKind
  readonly containerId: string
  /** Of `Watchdog.uptime`. */
  readonly at: Millis
}

/**
 * Kills containers whose lease has run out, whether or not the agent lives, and keeps on looking for a while for those whose
 * start was on its way. What it was told is forgotten when the machine restarts, as nothing runs then.
 */
export interface Watchdog {
  /** Time since the machine was started, also that in which it slept. */
  uptime(): Millis
  /** Sets, or moves, the deadlines of these containers. They hold when it resolves. Throws what keeps it from that; some may hold. */
  arm(deadlines: readonly Deadline[]): Promise<void>
  /** The deadlines that hold, by container. */
  armed(): Promise<ReadonlyMap<string, Millis>>
}
