import type { Millis } from '../model/ids.ts'
import type { Patience } from './absence.ts'

/** How quickly lost machines are found out. */
export const FAILURE_DETECTIONS = ['normal', 'fast'] as const
export type FailureDetection = (typeof FAILURE_DETECTIONS)[number]

/** How the leader watches over its agents and their machines. */
export interface Vigilance {
  /** How often agents say that they are there. They learn it from the leader. */
  readonly heartbeatMs: Millis
  readonly patience: Patience
}

export const HEARTBEAT_BOUNDS_MS = [250, 10_000] as const

/** False for a heartbeat that would alarm at every pause, or notice nothing in time. */
export function isHeartbeat(everyMs: Millis): boolean {
  const [shortest, longest] = HEARTBEAT_BOUNDS_MS
  return everyMs >= shortest && everyMs <= longest
}

/** Tasks of a machine that answers are given up late in both: its agent is likely to come back to them. */
const AGENT_AWAY = { unreachableAfterMs: 15_000, agentGoneForMs: 60_000 }

/**
 * `normal`: what ran on a lost machine runs again within ten seconds, and 5,000 agents cost the leader little. `fast`: within
 * three, for clusters of some hundred nodes on a network that seldom loses packets. In both a machine is lost only when at
 * least three rounds of questions went unanswered.
 */
export const VIGILANCES: Readonly<Record<FailureDetection, Vigilance>> = {
  normal: {
    heartbeatMs: 2_000,
    patience: { ...AGENT_AWAY, silentForMs: 2_600, askWithinMs: 800, askAgainMs: 200 },
  },
  fast: {
    heartbeatMs: 250,
    patience: { ...AGENT_AWAY, silentForMs: 600, askWithinMs: 200, askAgainMs: 50 },
  },
}

/** Of `detection`, with another heartbeat if one is given. */
export function vigilanceOf(detection: FailureDetection, heartbeatMs: Millis | null): Vigilance {
  const vigilance = VIGILANCES[detection]
  return heartbeatMs === null ? vigilance : { ...vigilance, heartbeatMs }
}
