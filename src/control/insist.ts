import { OperationalError } from '../core/errors.ts'
import type { Millis } from '../core/model/ids.ts'
import { type Clock, sleep } from '../ports/clock.ts'
import type { Commit, Store } from '../ports/store.ts'

const AGAIN_MS: Millis = 1_000

/** Commits what is asked for, and again until it is in the store or nothing is asked for any more. Rejects when the signal aborts. */
export async function insist(
  wanted: () => Commit | null,
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  for (let commit = wanted(); commit !== null; commit = wanted()) {
    if (await lands(commit, store)) return
    await sleep(clock, AGAIN_MS, signal)
  }
}

/** Whatever else came of it shows in the mirror, or is tried again. */
async function lands(commit: Commit, store: Store): Promise<boolean> {
  try {
    return (await store.commit(commit)).kind === 'committed'
  } catch (error) {
    if (error instanceof OperationalError) return false
    throw error
  }
}
