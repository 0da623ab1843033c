import type { Leadership } from '../core/model/cluster.ts'
import type { Millis } from '../core/model/ids.ts'
import { beginWatch, isLeaderLost, type KnockResult, noteKnock } from '../core/node/leader-watch.ts'
import type { Rng } from '../lib/rng.ts'
import { type Clock, sleep } from '../ports/clock.ts'
import type { Reach } from '../ports/reach.ts'

export interface LeaderWatchDeps {
  readonly clock: Clock
  readonly rng: Rng
  readonly reach: Reach
  readonly leader: () => Leadership | null
  /** Where others reach this server. */
  readonly ownAddress: string
  /** Addresses of machines beside the leader's and this one. */
  readonly others: () => readonly string[]
  readonly trustsSilence: () => boolean
  /** Whether this server had better lead in the place of that one, although it is there. */
  readonly isBetterThan: (leader: Leadership) => boolean
}

const KNOCK_EVERY_MS: Millis = 250
/** Once nobody opened. */
const KNOCK_AGAIN_MS: Millis = 50
const OPEN_WITHIN_MS: Millis = 300
/** That a machine is silent says something only where others are not. */
const MOST_OTHERS = 5
/** A leader is not sent away for a better one that has only just come. */
const BETTER_FOR_MS: Millis = 10_000
/** So that of several servers that notice at once one is first, and the others see it. */
const JITTER_MS: Millis = 100

/**
 * Knocks at the leader's port again and again. Resolves with the leadership that this server may take over: because its server
 * is lost, or because this one has been better for a while; rejects with the signal's reason.
 */
export async function untilTakeover(deps: LeaderWatchDeps, signal: AbortSignal): Promise<Leadership> {
  const { clock, rng, leader, ownAddress } = deps
  let watch = beginWatch(0)
  let betterSince: Millis | null = null
  for (;;) {
    const reigning = leader()
    if (reigning === null || reigning.address === null || reigning.address === ownAddress) {
      await sleep(clock, KNOCK_EVERY_MS, signal)
      continue
    }
    if (reigning.epoch !== watch.epoch) {
      watch = beginWatch(reigning.epoch)
      betterSince = null
    }
    betterSince = deps.isBetterThan(reigning) ? (betterSince ?? clock.now()) : null
    const result = await knock(reigning.address, deps)
    watch = noteKnock(watch, result)
    const isBetter = betterSince !== null && clock.now() - betterSince >= BETTER_FOR_MS
    if (isBetter || isLeaderLost(watch, deps.trustsSilence())) {
      await sleep(clock, rng.below(JITTER_MS), signal)
      if (leader()?.epoch === reigning.epoch) return reigning
    }
    await sleep(clock, result === 'open' ? KNOCK_EVERY_MS : KNOCK_AGAIN_MS, signal)
  }
}

async function knock(address: string, { reach, others }: LeaderWatchDeps): Promise<KnockResult> {
  const answer = await reach.knock(address, OPEN_WITHIN_MS)
  if (answer !== 'silent') return answer
  const asked = others().slice(0, MOST_OTHERS)
  const words = await Promise.all(asked.map((other) => reach.answers(other, OPEN_WITHIN_MS)))
  return words.filter((yes) => yes).length * 2 > asked.length ? 'silent' : 'deaf'
}
