import type { Millis } from '../../src/core/model/ids.ts'
import { appliesAreWhole } from './checks/applies.ts'
import { agentsObeyTheHighest, epochsFence } from './checks/authority.ts'
import { atMostOne, exclusiveIsOne, namesAreNeverReused, strangersAreLeftAlone } from './checks/containers.ts'
import { evictionsRestOnTruth, halfIsNeverEvicted, returnsAreNoted } from './checks/evictions.ts'
import { causesAreTold, statesOnlyGrow } from './checks/history.ts'
import { leasesEnd, renewalsAreProved } from './checks/leases.ts'
import { closedNodesStayClosed } from './checks/nodes.ts'
import { noHotLoops, retriesBackOff } from './checks/pace.ts'
import { revisionsTellTheTruth, rolloutsKeepTheirPromise } from './checks/rollouts.ts'
import { nothingIsGivenTwice } from './checks/shares.ts'
import type { Fact } from './facts.ts'
import type { Shadow, Written } from './shadow.ts'
import type { Request } from './workload.ts'

/** How the machines really stand to each other. */
export interface Net {
  /**
   * Whether the machine of that server, or every other agent that is connected to it, has heard the node's machine for
   * so long without interruption, so that whoever says that it is silent is wrong.
   */
  isHeardFor(server: string, node: string, ms: Millis): boolean
  /**
   * Whether the server has been at work for so long, and all the time neither its machine nor any that hears it has heard the
   * node's machine, and it has missed its agent for long enough to know that.
   */
  isSilentFor(server: string, node: string, ms: Millis): boolean
  /** Whether the server takes the node's agent for connected, rightly or not. */
  isTakenForConnected(server: string, node: string): boolean
  /** Whether the node's agent has been connected to that server, both at work, for so long. */
  isConnectedFor(server: string, node: string, ms: Millis): boolean
}

/** What every check may look at. */
export interface CheckContext {
  readonly shadow: Shadow
  readonly now: () => Millis
  readonly net: Net
  /** Whether the machine of that name was given up by a user. */
  readonly isGivenUp: (node: string) => boolean
  /** Says that a promise was broken; the first one ends the life. */
  readonly broken: (what: string) => void
  /** Requests of the user by id. */
  readonly requests: ReadonlyMap<string, Request>
}

/** One promise of the design, watched from the first event of a life to the last. */
export interface Check {
  /** Something happened. */
  onFact?(fact: Fact): void
  /** A commit landed; the shadow shows it already. */
  onCommit?(written: readonly Written[], fact: Fact & { kind: 'commit' }): void
  /** A user got an answer. */
  onAnswer?(request: Request): void
}

type MakeCheck = (context: CheckContext) => Check

/**
 * Promises that hold whatever became of the state: their checks go on as they are when a backup is put back. Those of
 * `ANEW` begin with what was put back; the others would take what nobody knows any more for a fault.
 */
const ACROSS: ReadonlySet<MakeCheck> = new Set<MakeCheck>([
  agentsObeyTheHighest,
  namesAreNeverReused,
  strangersAreLeftAlone,
  exclusiveIsOne,
  leasesEnd,
  renewalsAreProved,
  noHotLoops,
  noInternalErrors,
])
const ANEW: ReadonlySet<MakeCheck> = new Set<MakeCheck>([
  epochsFence,
  evictionsRestOnTruth,
  causesAreTold,
  closedNodesStayClosed,
  statesOnlyGrow,
])

/** The promises by their number in the design; those without a number follow from how the parts are cut. */
const PROMISES: readonly MakeCheck[] = [
  /* 1 */ epochsFence,
  /* 1 */ agentsObeyTheHighest,
  /* 2 */ appliesAreWhole,
  /* 5 */ namesAreNeverReused,
  /* 5 */ strangersAreLeftAlone,
  /* 6 */ atMostOne,
  /* 6 */ exclusiveIsOne,
  /* 6 */ leasesEnd,
  /* 6 */ renewalsAreProved,
  /* 6 */ evictionsRestOnTruth,
  /* 6 */ halfIsNeverEvicted,
  /* 7 */ rolloutsKeepTheirPromise,
  /* 7 */ revisionsTellTheTruth,
  /* 8 */ nothingIsGivenTwice,
  /* 9 */ causesAreTold,
  statesOnlyGrow,
  closedNodesStayClosed,
  returnsAreNoted,
  noHotLoops,
  retriesBackOff,
  noInternalErrors,
]

/** All checks of one life. */
export class Checks {
  readonly #context: CheckContext
  #made: readonly (readonly [MakeCheck, Check])[]
  #onFact: readonly NonNullable<Check['onFact']>[] = []
  #onCommit: readonly NonNullable<Check['onCommit']>[] = []

  constructor(context: CheckContext) {
    this.#context = context
    this.#made = PROMISES.map((make) => [make, make(context)])
    this.#sort()
  }

  /** A backup was put back, and the shadow shows it. */
  onPutBack(): void {
    this.#made = this.#made.flatMap(([make, check]) => {
      if (ACROSS.has(make)) return [[make, check] as const]
      return ANEW.has(make) ? [[make, make(this.#context)] as const] : []
    })
    this.#sort()
  }

  /** Facts are many, and each check wants to hear only of some. */
  #sort(): void {
    this.#onFact = this.#made.flatMap(([, { onFact }]) => onFact ?? [])
    this.#onCommit = this.#made.flatMap(([, { onCommit }]) => onCommit ?? [])
  }

  onFact(fact: Fact): void {
    for (const check of this.#onFact) check(fact)
    if (fact.kind !== 'commit') return
    const written = this.#context.shadow.take(fact.batch)
    for (const check of this.#onCommit) check(written, fact)
  }

  onAnswer(request: Request): void {
    for (const [, check] of this.#made) check.onAnswer?.(request)
  }
}

/** A pass that fails for a reason of our own is never repaired silently. */
function noInternalErrors({ broken }: CheckContext): Check {
  return {
    onFact: (fact) => {
      if (fact.kind === 'log' && fact.text.includes('INTERNAL')) broken(`${fact.process} failed: ${fact.text}`)
    },
  }
}
