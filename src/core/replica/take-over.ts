import type { Leadership } from '../model/cluster.ts'
import type { Epoch, Millis, NodeId, StoreRevision } from '../model/ids.ts'
import { type Key, LEADERSHIP_KEY, type ObjectKind, type ObjectTypes } from '../model/objects.ts'
import { commonRevision, compareVersions, contains, type Version, withTenure } from './tenure.ts'

export interface HeldRecord {
  readonly key: Key
  readonly value: ObjectTypes[ObjectKind]
  readonly revision: StoreRevision
}

/** A whole state in the memory of a server. */
export interface HeldState extends Version {
  readonly records: readonly HeldRecord[]
}

export const NO_STATE: HeldState = { tenures: [], revision: 0, records: [] }

/**
 * Commits that their keeper had acknowledged and nobody else has heard of when it was lost are fewer than this. What obeyed
 * them must not meet the same revision again with something else in it.
 */
export const LOST_AT_MOST: StoreRevision = 1_000

/** Who belongs to the cluster. Nodes report the rest of what they are. */
const MEMBERSHIP: ReadonlySet<string> = new Set<ObjectKind>([
  'access',
  'certificates',
  'dismissed',
  'node',
  'revoked',
  'server',
  'token',
])

/**
 * The state with which a server begins its tenure, from its own and those that the others offer. The newest one goes on; of
 * those that went another way meanwhile it takes over who has joined, was let in or was sent away. Revision and epoch are
 * above all that anybody has seen. `seen`: the highest epoch in any state that it was ever offered; who offered it may be gone.
 */
export function takeOver(states: readonly HeldState[], by: NodeId, since: Millis, seen: Epoch): HeldState {
  const [best = NO_STATE, ...others] = [...states].sort(
    (a, b) => compareVersions(a, b) || b.records.length - a.records.length,
  )
  const strays = others.filter((other) => !contains(best, other))
  const revision = Math.max(...states.map((state) => state.revision)) + LOST_AT_MOST
  const tenures = withTenure(best, by, since)
  const epoch = Math.max(seen, ...states.map(epochIn))
  const records = strays.reduce(heal, best).records.map((record) => raised(record, epoch, revision))
  if (strays.length === 0) return { tenures, revision, records }
  // What two states call the same revision of an object may be two things: from now on each is of this one.
  return { tenures, revision, records: records.map((record) => ({ ...record, revision })) }
}

/** The epoch of whoever led last, as a state has it; 0: nobody did. */
export function epochIn({ records }: HeldState): Epoch {
  const leadership = records.find(({ key }) => key === LEADERSHIP_KEY)?.value as Leadership | undefined
  return leadership?.epoch ?? 0
}

function raised(record: HeldRecord, epoch: Epoch, revision: StoreRevision): HeldRecord {
  if (record.key !== LEADERSHIP_KEY) return record
  const leadership = record.value as Leadership
  return leadership.epoch >= epoch ? record : { ...record, value: { ...leadership, epoch }, revision }
}

/** The first state with that of the other added which the first knows nothing of. */
function heal(best: HeldState, stray: HeldState): HeldState {
  const common = commonRevision(best, stray)
  const records = new Map(best.records.map((record) => [record.key, record]))
  for (const record of stray.records) {
    const { key, revision } = record
    const isNews = revision > common && (records.get(key)?.revision ?? 0) <= common
    if (MEMBERSHIP.has(kindOf(key)) && isNews) records.set(key, record)
  }
  // Whichever of both has sent a machine away.
  const dismissed = new Set([...records.keys()].flatMap((key) => (isOf(key, 'dismissed') ? [idOf(key)] : [])))
  for (const { key, value } of records.values())
    if (isOf(key, 'node') && dismissed.has((value as ObjectTypes['node']).machineId ?? '')) records.delete(key)
  return { ...best, records: [...records.values()] }
}

function kindOf(key: Key): string {
  return key.slice(0, key.indexOf('/'))
}

function idOf(key: Key): string {
  return key.slice(key.indexOf('/') + 1)
}

function isOf(key: Key, kind: ObjectKind): boolean {
  return kindOf(key) === kind
}
