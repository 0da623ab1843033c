import type { Leadership } from '../core/model/cluster.ts'
import type { Epoch, Millis } from '../core/model/ids.ts'
import { sleep } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Lease, Store } from '../ports/store.ts'
import { type LeaderWatchDeps, untilLeaderIsLost } from './watch-leader.ts'

export interface CandidacyDeps extends Omit<LeaderWatchDeps, 'ownAddress' | 'trustsSilence'> {
  readonly store: Store
  readonly log: Log
  readonly holder: string
  /** Where others reach this server; null: it is alone, and watches nobody. */
  readonly ownAddress: string | null
}

/** A reason to try to lead. */
export interface Turn {
  /** Taken over on suspicion, a server gets the lease later, or never; it is lost only after that. */
  readonly lease: Lease
  /** The epoch of the leader that is lost; null: the lease is ours, whoever led before. */
  readonly after: Epoch | null
}

/** The one that took over while this server waited for the lease gets so long to come to the head of the queue. */
const STAND_BACK_MS: Millis = 100

/**
 * When a server tries to lead: when it has the lease, or when the leader is lost before its lease has run out. A lease only
 * chooses who tries; whoever has one gives way once to a leader that took over on suspicion meanwhile.
 */
export class Candidacy {
  readonly #deps: CandidacyDeps
  #waiting: Promise<Lease> | null = null
  /** The epoch when this server began to wait for the lease. */
  #enteredIn: Epoch = 0
  #gaveWayTo: Epoch = 0
  #wasDeposed = false

  constructor(deps: CandidacyDeps) {
    this.#deps = deps
  }

  /** Another server took over although this one lived: it will not do the same because of mere silence. */
  deposed(): void {
    this.#wasDeposed = true
  }

  /** Resolves when it is time to try; rejects with what keeps this server from waiting for it. */
  async turn(signal: AbortSignal): Promise<Turn> {
    for (;;) {
      const waiting = this.#enter(signal)
      const found = new AbortController()
      const lost = this.#leaderLost(AbortSignal.any([signal, found.signal]))
      const won = await Promise.race([waiting.then((lease) => ({ lease })), lost]).finally(() =>
        found.abort(new Error('there is a reason to lead')),
      )
      if (!('lease' in won)) {
        this.#deps.log.warn('the leader is lost, taking over', { leader: won.holder, epoch: won.epoch })
        return { lease: this.#leaseToCome(waiting), after: won.epoch }
      }
      this.#waiting = null
      if (!(await this.#givesWay())) {
        this.#wasDeposed = false
        return { lease: won.lease, after: null }
      }
      await won.lease.release()
      await sleep(this.#deps.clock, STAND_BACK_MS, signal)
    }
  }

  #enter(signal: AbortSignal): Promise<Lease> {
    if (this.#waiting !== null) return this.#waiting
    const { store, holder, leader } = this.#deps
    this.#enteredIn = leader()?.epoch ?? 0
    const waiting = store.campaign(holder, signal)
    this.#waiting = waiting
    // Whoever waits for it is told; nobody may.
    waiting.catch(() => {
      if (this.#waiting === waiting) this.#waiting = null
    })
    return waiting
  }

  #leaderLost(signal: AbortSignal): Promise<Leadership> {
    const { ownAddress } = this.#deps
    const lost =
      ownAddress === null
        ? new Promise<never>(() => undefined)
        : untilLeaderIsLost({ ...this.#deps, ownAddress, trustsSilence: () => !this.#wasDeposed }, signal)
    // It ends so whenever the lease comes first.
    lost.catch(() => undefined)
    return lost
  }

  /** Whether somebody who lives has taken over while this server waited for the lease. */
  async #givesWay(): Promise<boolean> {
    const { leader, holder, reach } = this.#deps
    const reigning = leader()
    if (reigning === null || reigning.address === null || reigning.holder === holder) return false
    if (reigning.epoch <= this.#enteredIn || reigning.epoch === this.#gaveWayTo) return false
    this.#gaveWayTo = reigning.epoch
    return (await reach.knock(reigning.address, STAND_BACK_MS)) === 'open'
  }

  /** The lease of one that leads before it has it. */
  #leaseToCome(waiting: Promise<Lease>): Lease {
    const lost = new AbortController()
    let held: Lease | null = null
    let isOver = false
    const take = (lease: Lease): void => {
      if (isOver) return
      held = lease
      this.#waiting = null
      const onLost = (): void => lost.abort(lease.lost.reason)
      if (lease.lost.aborted) onLost()
      else lease.lost.addEventListener('abort', onLost, { once: true })
    }
    // Without one it leads all the same: epochs fence.
    waiting.then(take, () => undefined)
    return {
      lost: lost.signal,
      release: async () => {
        isOver = true
        await held?.release()
      },
    }
  }
}
