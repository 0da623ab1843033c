import type { Leadership } from '../core/model/cluster.ts'
import type { Epoch, Millis } from '../core/model/ids.ts'
import type { Node } from '../core/model/node.ts'
import { sleep } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Lease, Store } from '../ports/store.ts'
import { type LeaderWatchDeps, untilTakeover } from './watch-leader.ts'

export interface CandidacyDeps extends Omit<LeaderWatchDeps, 'ownAddress' | 'trustsSilence' | 'isBetterThan'> {
  readonly store: Store
  readonly log: Log
  readonly holder: string
  /** Where others reach this server; null: it is alone, and watches nobody. */
  readonly ownAddress: string | null
  /** Whether the server of that name is where leaders are preferred; with no preference all are. */
  readonly isPreferred: (server: string) => boolean
}

/** A reason to try to lead. */
export interface Turn {
  /** Taken over on suspicion, a server gets the lease later, or never; it is lost only after that. */
  readonly lease: Lease
  /** The epoch of the leader that is lost; null: the lease is ours, whoever led before. */
  readonly after: Epoch | null
}

/** What servers where leaders are preferred need to notice that there is none. */
const BETTER_FIRST_MS: Millis = 1_500
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
  #hasTurn = false

  constructor(deps: CandidacyDeps) {
    this.#deps = deps
  }

  /** Since its turn came, until it waits for the next one: nobody else leads as far as this server knows. */
  get hasTurn(): boolean {
    return this.#hasTurn
  }

  /** Another server took over although this one lived: it will not do the same because of mere silence. */
  deposed(): void {
    this.#wasDeposed = true
  }

  /** Resolves when it is time to try; rejects with what keeps this server from waiting for it. */
  async turn(signal: AbortSignal): Promise<Turn> {
    this.#hasTurn = false
    const turn = await this.#nextTurn(signal)
    this.#hasTurn = true
    return turn
  }

  async #nextTurn(signal: AbortSignal): Promise<Turn> {
    for (;;) {
      const waiting = this.#enter(signal)
      const found = new AbortController()
      const lost = this.#leaderLost(AbortSignal.any([signal, found.signal]))
      const won = await Promise.race([waiting.then((lease) => ({ lease })), lost]).finally(() =>
        found.abort(new Error('there is a reason to lead')),
      )
      if (!('lease' in won)) {
        if (!(await this.#leavesToBetter(won.epoch, signal))) {
          this.#deps.log.warn('taking over', { leader: won.holder, epoch: won.epoch })
          return { lease: this.#leaseToCome(waiting), after: won.epoch }
        }
        continue
      }
      this.#waiting = null
      await this.#leavesToBetter(this.#deps.leader()?.epoch ?? 0, signal)
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

  #watching(ownAddress: string): LeaderWatchDeps {
    const { holder, isPreferred } = this.#deps
    const isBetterThan = (leader: Leadership): boolean => isPreferred(holder) && !isPreferred(leader.holder)
    return { ...this.#deps, ownAddress, trustsSilence: () => !this.#wasDeposed, isBetterThan }
  }

  #leaderLost(signal: AbortSignal): Promise<Leadership> {
    const { ownAddress } = this.#deps
    const lost =
      ownAddress === null ? new Promise<never>(() => undefined) : untilTakeover(this.#watching(ownAddress), signal)
    // It ends so whenever the lease comes first.
    lost.catch(() => undefined)
    return lost
  }

  /** A server that is not preferred lets those that are go first, for a moment. Whether one of them did. */
  async #leavesToBetter(after: Epoch, signal: AbortSignal): Promise<boolean> {
    const { clock, holder, leader, isPreferred } = this.#deps
    if (after === 0 || isPreferred(holder)) return false
    await sleep(clock, BETTER_FIRST_MS, signal)
    return leader()?.epoch !== after
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

/** Whether a server is in a region: it is where its own node is said to be. */
export function isIn(region: string | null, server: string, nodes: readonly Node[]): boolean {
  return region === null || nodes.some((node) => node.name === server && node.region === region)
}

/** Machines whose answer tells a server that it is not cut off itself. */
export function machinesBeside(
  addresses: readonly (string | null | undefined)[],
  nodes: readonly Node[],
): readonly string[] {
  const hosts = addresses.map((address) => address?.replace(/:\d+$/, ''))
  return nodes.flatMap(({ address, status }) =>
    address === null || status === 'unreachable' || hosts.includes(address.replace(/:\d+$/, '')) ? [] : [address],
  )
}
