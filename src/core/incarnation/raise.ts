import { OperationalError } from '../errors.ts'
import type { Cluster, IncarnationProof } from '../model/cluster.ts'
import type { EventDraft } from '../model/event.ts'
import type { Epoch, Millis } from '../model/ids.ts'
import { CLUSTER_KEY, type Key, keyOf, LEADERSHIP_KEY, type ObjectKind, type ObjectTypes } from '../model/objects.ts'
import { isAlive, type Task } from '../model/task.ts'

/** Why a state begins a new life. Only a move knows that it has everything that agents may have heard of. */
export type LifeKind = 'move' | 'restore' | 'recovery'

export interface NewLife {
  readonly kind: LifeKind
  /** Who asked for it, as events name them. */
  readonly by: string
  readonly at: Millis
  /** From where, or because of what: completes the sentence of the event. */
  readonly because: string
  /** The highest incarnation that anybody is known to have acted on; 0: only what the state says is known. */
  readonly above: number
}

/** One object of a state, as far as it matters here. */
export interface LifeRecord<K extends ObjectKind = ObjectKind> {
  readonly key: Key<K>
  readonly value: ObjectTypes[K]
}

/** Writes of one commit that begin a new life; in the form of the store. */
export interface LifeCommit {
  readonly cluster: Cluster
  /** Fences every leader of the old life that has the same store. */
  readonly epoch: Epoch
  /**
   * Tasks that had no node may have got one since, whose agent knows them by their name: other attempts take their place. Then
   * join tokens, which may have been used or revoked since. Empty for a move.
   */
  readonly forget: readonly Key[]
  readonly events: readonly EventDraft[]
}

/** The incarnation that follows everything that is known. */
export function incarnationAfter({ incarnation }: Cluster, above: number): number {
  return Math.max(incarnation, above) + 1
}

/** The cluster object of a state. Throws STORE_CORRUPT when there is none. */
export function clusterOf(records: readonly LifeRecord[]): Cluster {
  return objectOf(records, CLUSTER_KEY) ?? lost('the cluster object')
}

/** Decides what raising the incarnation writes. `prove` signs it; null where the cluster has no certificate authority. */
export function raise(
  records: readonly LifeRecord[],
  life: NewLife,
  prove: (incarnation: number) => IncarnationProof | null,
): LifeCommit {
  const { proof: _, movedTo: __, ...before } = clusterOf(records)
  const incarnation = incarnationAfter(before, life.above)
  const proof = prove(incarnation)
  const isWhole = life.kind === 'move'
  const tokens = records.map(({ key }) => key).filter((key) => key.startsWith('token/'))
  const tasks = records.flatMap(({ key, value }) => (key.startsWith('task/') ? [value as Task] : []))
  const waiting = tasks.filter((task) => task.node === null && isAlive(task))
  const cluster: Cluster = {
    ...before,
    incarnation,
    ...(proof !== null && { proof }),
    ...(!isWhole && { keepsUnknown: true, attemptFloor: floorAbove(records) }),
  }
  const event: EventDraft = {
    kind: 'cluster.incarnation',
    object: CLUSTER_KEY,
    service: null,
    message: `the state is of incarnation ${incarnation} now: ${life.because}`,
    by: life.by,
    at: life.at,
  }
  return {
    cluster,
    epoch: (objectOf(records, LEADERSHIP_KEY)?.epoch ?? 0) + 1,
    forget: isWhole ? [] : [...waiting.map(({ id }) => keyOf('task', id)), ...tokens],
    events: isWhole ? [event] : [event, ...waiting.map((task) => forgetting(task, life))],
  }
}

function forgetting({ id, service }: Task, { at, by }: NewLife): EventDraft {
  const message = `${id} was forgotten: it had no node, and may have got one since`
  return { kind: 'task.removed', object: `task/${id}`, service, message, by, at }
}

/** More attempts than any slot makes between a backup and its restore. */
const ATTEMPTS_APART = 1_000

function floorAbove(records: readonly LifeRecord[]): number {
  const attempts = records.map(({ key, value }) => (key.startsWith('task/') ? (value as Task).attempt : 0))
  const highest = attempts.reduce((most, attempt) => Math.max(most, attempt), clusterOf(records).attemptFloor ?? 0)
  return (Math.floor(highest / ATTEMPTS_APART) + 1) * ATTEMPTS_APART
}

/** An object of a state by its key. */
export function objectOf<K extends ObjectKind>(records: readonly LifeRecord[], key: Key<K>): ObjectTypes[K] | null {
  const found = records.find((record) => record.key === key)
  return (found?.value as ObjectTypes[K] | undefined) ?? null
}

function lost(what: string): never {
  throw new OperationalError('STORE_CORRUPT', `cannot go on with this state: ${what} is not in it`)
}
