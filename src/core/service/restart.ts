import { unreachable } from '../../lib/assert.ts'
import { retryDelayMs } from '../../lib/backoff.ts'
import { liesAhead } from '../lies-ahead.ts'
import type { Millis } from '../model/ids.ts'
import type { ServiceSpec } from '../model/service.ts'
import { endOf, type Task } from '../model/task.ts'

/** Whether a slot whose newest attempt has ended gets another one. */
export type RetryVerdict =
  | { readonly kind: 'now'; readonly because: string }
  | { readonly kind: 'later'; readonly at: Millis }
  /** Not until the user asks for it, or the spec changes. */
  | { readonly kind: 'leave' }

/**
 * Decides about the next attempt in a slot. `last` is the newest ended attempt of the same spec, null when there was
 * none. `retryAt`: attempts that ended before it may be tried again even if the policy would leave them. `endedAt`: from when
 * the pause of the last one counts; left out where only its being left matters.
 */
export function retryVerdict(
  spec: ServiceSpec,
  last: Task | null,
  retryAt: Millis | null,
  now: Millis,
  endedAt: Millis = 0,
): RetryVerdict {
  if (last === null) return { kind: 'now', because: 'the slot is empty' }
  const { status } = last
  const because = `${last.id} ${endedAs(last)}`
  switch (status.state) {
    case 'completed':
      return spec.restart === 'no' && spec.mode !== 'job' ? askedAgain(last, retryAt) : { kind: 'leave' }
    case 'stopped':
      if (last.stoppedByUser && (spec.restart === 'unless-stopped' || spec.restart === 'no'))
        return askedAgain(last, retryAt)
      return { kind: 'now', because }
    case 'failed':
      // One that was to stop anyway says nothing about the next: whoever wants the slot again gets it.
      if (spec.restart === 'no' && (last.desired !== 'stopped' || last.stoppedByUser)) return askedAgain(last, retryAt)
      // A job has had its restarts in place; only what was not its own fault is tried once more.
      if (spec.mode === 'job' && last.status.failure !== 'runtime') return askedAgain(last, retryAt)
      return afterBackoff(last, because, now, endedAt)
    case 'rejected':
      return afterBackoff(last, because, now, endedAt)
    case 'lost':
      return { kind: 'now', because }
    case 'pending':
    case 'assigned':
    case 'preparing':
    case 'starting':
    case 'running':
      return { kind: 'leave' }
    default:
      return unreachable(status.state)
  }
}

/**
 * When a user asked for ended attempts again. null: never, or through a server whose clock was wrong by far: what lies ahead
 * would be obeyed again after every end.
 */
export function askedAt(retryAt: Millis | null, now: Millis): Millis | null {
  return retryAt === null || liesAhead(retryAt, now) ? null : retryAt
}

function askedAgain(last: Task, retryAt: Millis | null): RetryVerdict {
  if (retryAt === null || endOf(last) >= retryAt) return { kind: 'leave' }
  return { kind: 'now', because: 'it was asked for again' }
}

function afterBackoff({ status }: Task, because: string, now: Millis, endedAt: Millis): RetryVerdict {
  const at = endedAt + retryDelayMs(status.failures)
  return at <= now ? { kind: 'now', because } : { kind: 'later', at }
}

/** How a task ended, in words: `failed: exit code 3`. */
export function endedAs(task: Task): string {
  const { state, message } = task.status
  return message === '' ? state : `${state}: ${message}`
}

/** Whether an apply brings the slot back, even one that changes nothing else. */
export function comesWithApply(spec: ServiceSpec, last: Task): boolean {
  return retryVerdict(spec, last, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER).kind !== 'leave'
}

/** Whether the slot gets a new attempt by itself, sooner or later. */
export function comesBack(spec: ServiceSpec, last: Task): boolean {
  return retryVerdict(spec, last, null, Number.MAX_SAFE_INTEGER).kind !== 'leave'
}
