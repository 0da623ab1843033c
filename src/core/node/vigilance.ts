import type { ClusterSettings } from '../model/cluster.ts'
import type { Millis } from '../model/ids.ts'
import type { Patience } from './absence.ts'

/** How quickly lost machines are found out. */
export const FAILURE_DETECTIONS = ['normal', 'fast'] as const
export type FailureDetection = (typeof FAILURE_DETECTIONS)[number]

/** How the leader watches over its agents and their machines. */
export interface Vigilance {
  /** How often agents say that they are there, as long as they are few. They learn it from the leader. */
  readonly heartbeatMs: Millis
  /** Heartbeats of all agents in a second; with more agents each says so less often. null: always every `heartbeatMs`. */
  readonly mostPerSecond: number | null
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
 * `normal`: what ran on a lost machine of up to 4,000 runs again within ten seconds, and the heartbeats of 5,000 cost the leader
 * less than a twentieth of a core: a heartbeat costs some 30 µs, nearly all of it TLS and the kernel, so that there must not be too many. `fast`: within
 * three, for clusters of some hundred nodes on a network that seldom loses packets. In both a machine is lost only when at
 * least three rounds of questions went unanswered.
 */
export const VIGILANCES: Readonly<Record<FailureDetection, Vigilance>> = {
  normal: {
    heartbeatMs: 2_000,
    mostPerSecond: 1_000,
    patience: { ...AGENT_AWAY, silentForMs: 2_600, askWithinMs: 800, askAgainMs: 200 },
  },
  fast: {
    heartbeatMs: 250,
    mostPerSecond: null,
    patience: { ...AGENT_AWAY, silentForMs: 600, askWithinMs: 200, askAgainMs: 50 },
  },
}

/** Of `detection`, with another heartbeat if one is given. */
export function vigilanceOf(detection: FailureDetection, heartbeatMs: Millis | null): Vigilance {
  return withHeartbeat(VIGILANCES[detection], heartbeatMs)
}

/** What is set for the cluster, and for the rest what its leader was started with. */
export function vigilanceIn(
  { failureDetection, heartbeatMs }: Pick<ClusterSettings, 'failureDetection' | 'heartbeatMs'>,
  started: Vigilance,
): Vigilance {
  return withHeartbeat(failureDetection === undefined ? started : VIGILANCES[failureDetection], heartbeatMs ?? null)
}

/** Which of the two it is, whatever its heartbeat. */
export function detectionOf({ patience }: Vigilance): FailureDetection {
  return patience.silentForMs === VIGILANCES.fast.patience.silentForMs ? 'fast' : 'normal'
}

function withHeartbeat(vigilance: Vigilance, heartbeatMs: Millis | null): Vigilance {
  return heartbeatMs === null ? vigilance : { ...vigilance, heartbeatMs, mostPerSecond: null }
}

/** Agents are not told another interval for each node that comes. */
const STEP_MS: Millis = 500

/** How often each of so many agents says that it is there. */
export function heartbeatFor({ heartbeatMs, mostPerSecond }: Vigilance, agents: number): Millis {
  if (mostPerSecond === null) return heartbeatMs
  const [, longest] = HEARTBEAT_BOUNDS_MS
  const needed = Math.ceil((agents * 1_000) / mostPerSecond / STEP_MS) * STEP_MS
  return Math.min(Math.max(heartbeatMs, needed), longest)
}
