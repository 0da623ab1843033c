import type { Epoch } from '../model/ids.ts'

/**
 * What knocking at the leader's port gave: somebody opened, its machine said that nobody is there, or nothing came back
 * although other machines answer (`silent`), or nothing came back from anybody (`deaf`: it is we who are cut off).
 */
export type KnockResult = 'open' | 'refused' | 'silent' | 'deaf'

/** What a server has seen of the leader of one epoch. */
export interface LeaderWatch {
  readonly epoch: Epoch
  /** Somebody has opened in this epoch: only then does it mean something that nobody does. */
  readonly wasThere: boolean
  /** In a row. */
  readonly refusals: number
  readonly silences: number
}

/** A process that ends lets go of its port at once; two refusals are no accident. */
const ENOUGH_REFUSALS = 2
const ENOUGH_SILENCES = 3

/** Nothing is known yet of the leader of this epoch. */
export function beginWatch(epoch: Epoch): LeaderWatch {
  return { epoch, wasThere: false, refusals: 0, silences: 0 }
}

/** The watch after one more knock. */
export function noteKnock(watch: LeaderWatch, result: KnockResult): LeaderWatch {
  const { refusals, silences } = watch
  switch (result) {
    case 'open':
      return { ...watch, wasThere: true, refusals: 0, silences: 0 }
    case 'refused':
      return { ...watch, refusals: refusals + 1 }
    case 'silent':
      return { ...watch, silences: silences + 1 }
    case 'deaf':
      return { ...watch, refusals: 0, silences: 0 }
  }
}

/**
 * Whether the leader's process or machine is lost, so that another server may take over before the lease has run out. Of a
 * slow leader, or a slow store, that is never said. A server that another one took over from while it was alive does not
 * trust silence (`trustsSilence`): the connection between the two may be cut, and they would take the lead from each other
 * for ever.
 */
export function isLeaderLost({ wasThere, refusals, silences }: LeaderWatch, trustsSilence: boolean): boolean {
  if (!wasThere) return false
  return refusals >= ENOUGH_REFUSALS || (trustsSilence && silences >= ENOUGH_SILENCES)
}
