import { OperationalError } from '../../core/errors.ts'
import { storeConditions } from '../../core/etcd/conditions.ts'
import { hasQuorum, hostOf, type SeenMember } from '../../core/etcd/members.ts'
import { planRemoval } from '../../core/etcd/plan-removal.ts'
import type { Millis } from '../../core/model/ids.ts'
import type { ServerView, StoreCondition } from '../../core/model/view.ts'
import { type Clock, sleep } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { StoreMembers } from '../../ports/store-members.ts'
import type { EtcdMembers } from '../../store/etcd/members.ts'
import { addressOf } from './become-member.ts'

const LOOK_EVERY_MS: Millis = 2_000
/** Space comes and goes slowly; servers look at different times, so that two seldom defragment at once. */
const UPKEEP_EVERY_MS: Millis = 60_000

export interface WatchDeps {
  readonly members: EtcdMembers
  /** This server's own member, `host:port`. */
  readonly own: string
  readonly ownPeerUrl: string
  /** Where members may be besides those that are known: `host:port`. */
  readonly addresses: readonly string[]
  readonly clock: Clock
  readonly log: Log
}

/** What this server knows of those that keep the store, looked at every two seconds. */
export class WatchedMembers implements StoreMembers {
  readonly #deps: WatchDeps
  #seen: readonly SeenMember[] = []
  #looking: Promise<void> = Promise.resolve()
  #next: Promise<void> | null = null

  constructor(deps: WatchDeps) {
    this.#deps = deps
  }

  /** Whether too few members answer for anything to be changed. */
  isCutOff(): boolean {
    return this.#seen.length > 0 && !hasQuorum(this.#seen)
  }

  servers(): readonly ServerView[] {
    return this.#seen.map(viewOf).sort((a, b) => (a.address < b.address ? -1 : 1))
  }

  conditions(): readonly StoreCondition[] {
    return storeConditions(this.#seen, this.#deps.ownPeerUrl)
  }

  async remove(word: string): Promise<ServerView> {
    await this.look()
    const plan = planRemoval(this.#seen, word)
    if (plan.kind === 'unknown') {
      throw new OperationalError('NOT_FOUND', `there is no server ${word}`, { hint: 'see `gantry servers`' })
    }
    if (plan.kind === 'refused') {
      throw new OperationalError('GUARD_BLOCKED', `cannot take server ${word} out of the store: ${plan.because}`, {
        hint: plan.hint,
      })
    }
    const { member } = plan
    // One that is taken out may not answer any more.
    const others = this.#known().filter(
      (address) => member.clientUrl === null || address !== addressOf(member.clientUrl),
    )
    await this.#deps.members.remove([...others, ...this.#known()], member.id)
    await this.look()
    return viewOf(member)
  }

  /** Looks again and again until the signal aborts, and keeps the space of this server's own etcd. */
  async watch(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps
    let upkeepAt = clock.now() + UPKEEP_EVERY_MS
    while (!signal.aborted) {
      await this.look()
      if (clock.now() >= upkeepAt) {
        await this.#upkeep()
        upkeepAt = clock.now() + UPKEEP_EVERY_MS
      }
      await sleep(clock, LOOK_EVERY_MS, signal).catch(() => undefined)
    }
  }

  /** Looks as soon as the look that is under way has ended: that one may have asked before something changed. */
  look(): Promise<void> {
    this.#next ??= this.#looking.finally(() => {
      this.#next = null
      this.#looking = this.#lookNow()
      return this.#looking
    })
    return this.#next
  }

  /** What changed in a way that people should know stands in the log. */
  async #lookNow(): Promise<void> {
    const { members, log } = this.#deps
    const before = new Set(this.conditions().map(({ message }) => message))
    const seen = await members.lookAt(this.#known())
    // While nobody answers, those that were known are still the members.
    this.#seen = seen ?? this.#seen.map((member) => ({ ...member, alive: false, leads: false }))
    for (const { message, hint, severity } of this.conditions()) {
      if (!before.has(message)) log[severity === 'failure' ? 'error' : 'warn'](message, { hint })
    }
  }

  #known(): readonly string[] {
    const { own, addresses } = this.#deps
    const listed = this.#seen.flatMap(({ clientUrl }) => (clientUrl === null ? [] : [addressOf(clientUrl)]))
    return [...new Set([own, ...listed, ...(listed.length === 0 ? addresses : [])])]
  }

  async #upkeep(): Promise<void> {
    const { members, own, log } = this.#deps
    try {
      const done = await members.upkeep(
        own,
        this.#seen.every(({ alive }) => alive),
      )
      if (done !== null) log.info('space of the store was given back', { how: done })
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'EtcdFailure') throw error
      log.warn('space of the store was not given back', { reason: error.message })
    }
  }
}

function viewOf(member: SeenMember): ServerView {
  const { id, name, peerUrl, isLearner, leads, alive, version } = member
  return { id, name, address: hostOf(peerUrl), isVoting: !isLearner, leads, alive, version }
}
