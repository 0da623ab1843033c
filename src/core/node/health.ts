import type { Millis } from '../model/ids.ts'
import type { HealthCheck } from '../model/service.ts'

/** What the probes of one run of a task have shown so far. Begins anew with every start. */
export interface HealthState {
  /** Start of the run that is probed. */
  readonly startedAt: Millis
  /** From when its start period counts: when it was first seen, where the start lies ahead because the clock was set. */
  readonly since: Millis
  readonly verdict: 'unknown' | 'healthy' | 'unhealthy'
  /** Failures in a row. */
  readonly failures: number
  readonly probes: number
  /** It was repaired and no probe has succeeded since: one more verdict, and it is started again. */
  readonly repaired: boolean
  readonly nextAt: Millis
  /** Why the last probe failed; empty when it did not. */
  readonly message: string
}

/** First probes come in quick succession, so that readiness is seen soon after it is there. */
const FIRST_PAUSE_MS = 20

/** The state of a run that was not probed yet. */
export function newHealth(startedAt: Millis, now: Millis): HealthState {
  const since = Math.min(startedAt, now)
  return { startedAt, since, verdict: 'unknown', failures: 0, probes: 0, repaired: false, nextAt: now, message: '' }
}

/** The state of an unhealthy run after a repair: it has to prove itself again. */
export function repairedHealth(state: HealthState, now: Millis): HealthState {
  return { ...state, verdict: 'unknown', failures: 0, repaired: true, nextAt: now }
}

/**
 * Takes one probe result in. A run becomes healthy with its first success; it becomes unhealthy after `retries`
 * failures in a row, and if it never was healthy, not before its start period and `retries` intervals are over.
 */
export function stepHealth(
  state: HealthState,
  check: HealthCheck,
  result: { ok: boolean; message: string },
  now: Millis,
): HealthState {
  const probes = state.probes + 1
  if (result.ok)
    return {
      ...state,
      verdict: 'healthy',
      failures: 0,
      probes,
      repaired: false,
      nextAt: now + check.intervalMs,
      message: '',
    }

  const { message } = result
  if (state.verdict === 'unknown' && !state.repaired) {
    const patienceMs = check.startPeriodMs + check.intervalMs * Math.max(1, check.retries)
    if (now - state.since < patienceMs) {
      const pause = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(state.probes, 10), check.intervalMs)
      return { ...state, probes, nextAt: now + pause, message }
    }
    return {
      ...state,
      verdict: 'unhealthy',
      failures: state.failures + 1,
      probes,
      nextAt: now + check.intervalMs,
      message,
    }
  }
  const failures = state.failures + 1
  const verdict = failures >= Math.max(1, check.retries) ? 'unhealthy' : state.verdict
  return { ...state, verdict, failures, probes, nextAt: now + check.intervalMs, message }
}
