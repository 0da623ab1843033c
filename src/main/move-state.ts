import { OperationalError } from '../core/errors.ts'
import { clusterOf, type NewLife, objectOf } from '../core/incarnation/raise.ts'
import type { Cluster } from '../core/model/cluster.ts'
import { CLUSTER_KEY, LEADERSHIP_KEY } from '../core/model/objects.ts'
import type { StateIntake } from '../ports/intake.ts'
import type { Snapshot, Store, Write } from '../ports/store.ts'
import { inNewLife } from './new-life.ts'
import { copyInto } from './take-in.ts'

export interface MoveDeps {
  /** Nobody else uses it: its file is locked, or its lease is held. */
  readonly source: Store
  /** The new home, for people; the same for the same place. */
  readonly to: string
  /** The state that can be opened at the new home; null: there is none. */
  readonly present: () => Promise<Snapshot | null>
  readonly begin: () => Promise<StateIntake>
  readonly life: NewLife
  readonly clusterKey: Buffer | null
  readonly onWritten: (records: number, of: number) => void
}

export interface Moved {
  readonly incarnation: number
  readonly records: number
  /** An earlier run of the same move had done it all. */
  readonly wasDone: boolean
}

/**
 * Moves a state to another store, so that at every moment at most one of both is one that servers use:
 *
 * 1. all is written to the new home and read back; nobody can open it there yet;
 * 2. the old home is marked in one commit, and no server uses it any more;
 * 3. the new home is opened in one step.
 *
 * Cut off before 2, nothing has happened. Cut off after it, neither is used until the same move is run again, which copies
 * anew and opens. Throws ALREADY_EXISTS when another state is there, STORE_MOVED when it went elsewhere, CONFLICT when
 * somebody writes to the old home meanwhile.
 */
export async function moveState(deps: MoveDeps): Promise<Moved> {
  const before = await deps.source.load()
  const { movedTo } = clusterOf(before.records)
  if (movedTo !== undefined && movedTo.to !== deps.to) {
    throw new OperationalError('STORE_MOVED', `this state has moved to ${movedTo.to}, not to ${deps.to}`)
  }
  const present = await deps.present()
  if (present !== null) return alreadyThere(present, clusterOf(before.records), deps.to)
  const above = movedTo === undefined ? deps.life.above : movedTo.incarnation - 1
  const { state, incarnation } = inNewLife(before, { ...deps.life, above }, deps.clusterKey)
  const intake = await deps.begin()
  try {
    await copyInto(intake, state, deps.onWritten)
    if (movedTo === undefined) await leave(before, incarnation, deps)
    await intake.open(state.revision)
  } finally {
    await intake.close()
  }
  return { incarnation, records: state.records.length, wasDone: false }
}

function alreadyThere(present: Snapshot, { id, movedTo }: Cluster, to: string): Moved {
  const there = clusterOf(present.records)
  if (movedTo !== undefined && there.id === id && there.incarnation >= movedTo.incarnation) {
    return { incarnation: there.incarnation, records: present.records.length, wasDone: true }
  }
  throw new OperationalError('ALREADY_EXISTS', `there is a state in ${to} already, of cluster ${there.id}`, {
    hint: 'name another place for it',
  })
}

/**
 * Marks the old home, and fences whoever leads there: a server that took over on suspicion does so without the lease. Nothing
 * may have been written to it since it was read, or the copy would lack that.
 */
async function leave(before: Snapshot, incarnation: number, { source, to, life }: MoveDeps): Promise<void> {
  const marked: Cluster = { ...clusterOf(before.records), movedTo: { to, incarnation, at: life.at } }
  const expect = [CLUSTER_KEY, LEADERSHIP_KEY].map((key) => {
    return { key, revision: before.records.find((record) => record.key === key)?.revision ?? 0 }
  })
  const writes = [{ put: CLUSTER_KEY, value: marked }, ...fence(before, life)]
  const outcome = await source.commit({ epoch: null, expect, writes, events: [] })
  if (outcome.kind === 'unknown') {
    throw new OperationalError('OUTCOME_UNKNOWN', 'the old store did not answer when it was to be left', {
      hint: 'run the same command again: it finds out, and finishes',
      cause: outcome.cause,
    })
  }
  if (outcome.kind === 'committed' && outcome.revision === before.revision + 1) return
  if (outcome.kind === 'committed') await takeBack(outcome.revision, before, source)
  throw new OperationalError('CONFLICT', 'somebody writes to the state that is being moved; nothing was changed', {
    hint: 'stop every server of the cluster first',
  })
}

function fence({ records }: Snapshot, { at }: NewLife): readonly Write[] {
  const held = objectOf(records, LEADERSHIP_KEY)
  if (held === null) return []
  return [{ put: LEADERSHIP_KEY, value: { ...held, epoch: held.epoch + 1, address: null, since: at } }]
}

async function takeBack(revision: number, before: Snapshot, source: Store): Promise<void> {
  const writes = [{ put: CLUSTER_KEY, value: clusterOf(before.records) }] as const
  await source.commit({ epoch: null, expect: [{ key: CLUSTER_KEY, revision }], writes, events: [] })
}
