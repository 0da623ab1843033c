import type { Millis, NodeId, StoreRevision } from '../model/ids.ts'

/** A stretch of commits that one server decided: those after `from`. */
export interface Tenure {
  /** Higher than that of every tenure its keeper knew of. */
  readonly number: number
  /** 0: the first server, before it had an id. */
  readonly by: NodeId
  readonly from: StoreRevision
  /** When it began, by its keeper's clock: so that no two are the same. */
  readonly since: Millis
}

/** How a state came to be: whose commits are in it, the oldest first, and how far it is. No tenures: there is no state. */
export interface Version {
  readonly tenures: readonly Tenure[]
  readonly revision: StoreRevision
}

const NO_TENURE: Tenure = { number: 0, by: 0, from: 0, since: 0 }
/** What is older than that many changes of the keeper counts as unknown. */
const KEPT_TENURES = 64

/** Up to which revision two states have the same commits. */
export function commonRevision(a: Version, b: Version): StoreRevision {
  for (let i = a.tenures.length - 1; i >= 0; i--) {
    const j = b.tenures.findIndex((tenure) => isSame(tenure, a.tenures[i]))
    if (j >= 0) return Math.min(endOf(a, i), endOf(b, j))
  }
  return 0
}

/** Whether all that is in `part` is in `whole` too. */
export function contains(whole: Version, part: Version): boolean {
  return commonRevision(whole, part) === part.revision
}

/** Negative when `a` goes on rather than `b`: the newer tenure, then that of the lower id, then the longer one. */
export function compareVersions(a: Version, b: Version): number {
  const [x = NO_TENURE, y = NO_TENURE] = [a.tenures.at(-1), b.tenures.at(-1)]
  return y.number - x.number || x.by - y.by || y.since - x.since || b.revision - a.revision
}

/** The tenures of a state that goes on under another keeper. */
export function withTenure({ tenures, revision }: Version, by: NodeId, since: Millis): readonly Tenure[] {
  const number = (tenures.at(-1)?.number ?? 0) + 1
  return [...tenures, { number, by, from: revision, since }].slice(-KEPT_TENURES)
}

function isSame(a: Tenure, b: Tenure | undefined): boolean {
  return a.number === b?.number && a.by === b.by && a.from === b.from && a.since === b.since
}

/** The last revision of one of its tenures. */
function endOf({ tenures, revision }: Version, index: number): StoreRevision {
  return tenures[index + 1]?.from ?? revision
}
