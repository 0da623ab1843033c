import { join } from 'node:path'
import { backUp } from '../control/backups.ts'
import { OperationalError } from '../core/errors.ts'
import { clusterOf, type NewLife, objectOf } from '../core/incarnation/raise.ts'
import type { Cluster } from '../core/model/cluster.ts'
import { AUTHORITY_KEY, DESIRED_KEY } from '../core/model/objects.ts'
import { backupKey, sha256 } from '../drivers/backup-digest.ts'
import { backupFiles } from '../drivers/backup-files.ts'
import { storeFiles } from '../drivers/etcd/store-files.ts'
import { isServerThere } from '../drivers/link/join.ts'
import { describeCertificate, splitBundle } from '../drivers/pki/describe-certificate.ts'
import { IdentityFiles } from '../drivers/pki/identity-files.ts'
import { invariant } from '../lib/assert.ts'
import type { Snapshot } from '../ports/store.ts'
import { countKinds } from './count-kinds.ts'
import { readIdentity } from './identity.ts'
import { foundLoneMember, hasOtherStore } from './managed-etcd/lone-member.ts'
import type { OwnPlace } from './managed-etcd/own-place.ts'
import { inNewLife } from './new-life.ts'
import { obeyedIncarnation } from './obeyed-incarnation.ts'
import { openIntake } from './open-intake.ts'
import type { StoreOptions, StoreSurroundings } from './open-store.ts'
import { signedLife } from './raise-incarnation.ts'
import { answers, runsHere } from './running-here.ts'
import { describePlace, openAlone, stateAt } from './store-place.ts'
import { copyInto } from './take-in.ts'
import { type Seat, seatFor, takeSeat } from './take-seat.ts'

/** A state that is to become the cluster's, and where. */
export interface RestoreOptions {
  /** Where it comes from, for people: `shop.gantry`, `what can be read of state.db`. */
  readonly from: string
  readonly state: Snapshot
  readonly kind: 'restore' | 'recovery'
  readonly dataDir: string
  readonly target: StoreOptions | OwnPlace
  /** Socket of a server that runs here. */
  readonly socketPath: string
  /** Name of this machine's node, which it becomes where it has no identity and the cluster key. */
  readonly name: string
  readonly clusterKey: Buffer | null
  /** The highest incarnation that agents may have heard of, if this machine does not know; 0: it does. */
  readonly above: number
  readonly version: string
  readonly surroundings: StoreSurroundings
}

/** What is at the target now. */
export type Present =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'state'; readonly state: Snapshot }
  | { readonly kind: 'damaged'; readonly message: string }
  /** An etcd that does not run. */
  | { readonly kind: 'unread'; readonly directory: string }

export interface RestorePlan {
  readonly from: string
  readonly to: string
  readonly clusterId: string
  readonly clusterName: string
  readonly incarnation: { readonly before: number; readonly after: number }
  readonly storeRevision: number
  readonly present: Present['kind']
  /** The node that this machine becomes; null: it has an identity, or needs none. */
  readonly seat: Seat | null
  /** Objects by kind: those that are put back, and those that are there now; null: unknown. */
  readonly counts: readonly { readonly kind: string; readonly after: number; readonly now: number | null }[]
  /** What is lost for good, one sentence each. */
  readonly losses: readonly string[]
}

/** Says what putting the state there would do; changes nothing. Throws BACKUP_INVALID on a machine of another cluster, and as `signedLife` and opening what is there. */
export async function planRestore(options: RestoreOptions): Promise<RestorePlan> {
  const { state, target, clusterKey } = options
  await requireOwn(options)
  if (target.kind === 'managed-etcd') await requireNobody(target, options.socketPath)
  const present = await presentAt(options)
  const cluster = clusterOf(state.records)
  const above = await knownAbove(options, present)
  const life: NewLife = { kind: options.kind, by: '', at: 0, because: '', above }
  return {
    from: options.from,
    to: describePlace(target),
    clusterId: cluster.id,
    clusterName: cluster.name,
    incarnation: { before: cluster.incarnation, after: signedLife(state.records, life, clusterKey).incarnation },
    storeRevision: state.revision,
    present: present.kind,
    seat: await seatOf(options),
    counts: counts(state, present),
    losses: [...(await lostAgents(options)), ...losses(state, cluster, present)],
  }
}

/** Puts the state there, as the next incarnation. With `replace` what is there gives way; it is kept under another name or as a backup. */
export async function restore(
  options: RestoreOptions,
  replace: boolean,
  onWritten: (records: number, of: number) => void,
): Promise<{ readonly incarnation: number; readonly kept: string | null }> {
  const { state, target, clusterKey, kind, surroundings } = options
  await requireOwn(options)
  const present = await presentAt(options)
  if (present.kind !== 'nothing' && !replace) {
    throw new OperationalError('ALREADY_EXISTS', `there is a state in ${describePlace(target)} already`, {
      hint: 'look at the plan (--plan), then add --replace',
    })
  }
  const now = surroundings.clock.now()
  const life: NewLife = {
    kind,
    by: 'local user',
    at: now,
    because: `put back from ${options.from}`,
    above: await knownAbove(options, present),
  }
  const next = inNewLife(state, life, clusterKey)
  const seat = await seatOf(options)
  const kept = await keepPresent(options, present, now)
  const placed = seat === null ? next.state : await seated(next.state, seat, options)
  // A look into etcd or ZooKeeper leaves an empty state there.
  const replacing = target.kind === 'sqlite' && present.kind === 'nothing' ? null : kept.suffix
  await putInto(options, placed, replacing, onWritten)
  return { incarnation: next.incarnation, kept: kept.path }
}

async function putInto(
  { target, dataDir, clusterKey, surroundings }: RestoreOptions,
  state: Snapshot,
  replacing: string | null,
  onWritten: (records: number, of: number) => void,
): Promise<void> {
  await using member =
    target.kind === 'managed-etcd'
      ? await foundLoneMember(target, {
          dataDir,
          clusterKey: clusterKey ?? (await new IdentityFiles(dataDir).foundingKey()),
          aside: replacing,
        })
      : null
  const place = target.kind === 'managed-etcd' ? member?.place : target
  invariant(place !== undefined, 'there is a member where there is to be one')
  const intake = await openIntake(place, replacing, surroundings)
  try {
    await copyInto(intake, state, onWritten)
    await intake.open(state.revision)
  } finally {
    await intake.close()
  }
  await member?.finish()
}

/** A machine that has an identity is of its cluster, and could serve no other. */
async function requireOwn({ state, dataDir, from }: RestoreOptions): Promise<void> {
  const own = (await readIdentity(dataDir))?.clusterId ?? null
  const { id, name } = clusterOf(state.records)
  if (own === null || own === id) return
  throw new OperationalError(
    'BACKUP_INVALID',
    `cannot put back ${from}: it is of cluster ${id} (${name}), this machine is of ${own}`,
    {
      hint: 'take a backup of this cluster; that one belongs on a machine of its own cluster, or into an empty data directory',
    },
  )
}

/** A machine with the cluster key alone becomes a server; one with an identity stays who it is. */
async function seatOf({ dataDir, state, clusterKey, name }: RestoreOptions): Promise<Seat | null> {
  return clusterKey === null || (await readIdentity(dataDir)) !== null ? null : seatFor(state, name)
}

/** The identity is on disk before the state that knows of it can be opened; without that it is of no use. */
async function seated(state: Snapshot, seat: Seat, options: RestoreOptions): Promise<Snapshot> {
  const { clusterKey, target, dataDir, surroundings } = options
  if (clusterKey === null) return state
  const host = target.kind === 'managed-etcd' ? target.host : null
  const taken = await takeSeat(state, seat, { clusterKey, host, at: surroundings.clock.now() })
  await new IdentityFiles(dataDir).write(taken.identity)
  return taken.state
}

/** Beside servers that go on, one with the state of a backup would make two clusters of one. */
async function requireNobody({ link, options }: OwnPlace, socketPath: string): Promise<void> {
  if (await answers(socketPath)) throw runsHere()
  const others = options.seeds.filter((seed) => seed !== link)
  const there = await Promise.all(others.map(isServerThere))
  const alive = others.filter((_, index) => there[index] === true)
  if (alive.length === 0) return
  throw new OperationalError('CONFLICT', `${alive.join(', ')} answers as a server: the cluster is not lost`, {
    hint: 'stop every server first; a server that is lost alone joins again with a token',
  })
}

async function presentAt({ target, dataDir, surroundings }: RestoreOptions): Promise<Present> {
  if (target.kind === 'managed-etcd') {
    const { dataDir: directory } = storeFiles(dataDir)
    return (await hasOtherStore(dataDir)) ? { kind: 'unread', directory } : { kind: 'nothing' }
  }
  try {
    const state = await stateAt(target, surroundings)
    return state === null ? { kind: 'nothing' } : { kind: 'state', state }
  } catch (error) {
    if (!(error instanceof OperationalError) || error.code !== 'STORE_CORRUPT') throw error
    return { kind: 'damaged', message: error.message }
  }
}

/** The state that gives way is kept: a file under another name, what is in a store that is shared as a backup. */
async function keepPresent(
  { target, dataDir, clusterKey, version, surroundings }: RestoreOptions,
  present: Present,
  now: number,
): Promise<{ readonly suffix: string; readonly path: string | null }> {
  const suffix = `.replaced-${now}`
  if (target.kind === 'sqlite') return { suffix, path: present.kind === 'nothing' ? null : `${target.path}${suffix}` }
  if (present.kind === 'unread') return { suffix, path: `${present.directory}${suffix}` }
  if (present.kind !== 'state' || target.kind === 'managed-etcd') return { suffix, path: null }
  await using alone = await openAlone(target, surroundings)
  const shelf = backupFiles(join(dataDir, 'backups'))
  const key = clusterKey === null ? null : backupKey(clusterKey)
  const deps = { clock: surroundings.clock, backups: { digest: sha256, shelf }, backupKey: () => key, version }
  const { lines } = await backUp({ ...deps, store: alone.store })
  return { suffix, path: (await shelf.put(`replaced-${now}`, lines)).path }
}

/** The incarnation that agents may know, as far as this machine can tell: from its own agent, and from the state that gives way. */
async function knownAbove({ dataDir, state, above }: RestoreOptions, present: Present): Promise<number> {
  const { id } = clusterOf(state.records)
  const obeyed = await obeyedIncarnation(dataDir, id)
  const there = present.kind === 'state' ? clusterOf(present.state.records) : null
  return Math.max(above, obeyed, there?.id === id ? there.incarnation : 0, there?.movedTo?.incarnation ?? 0)
}

/** Agents that came to trust another authority since follow nothing that the one of the backup signs. */
async function lostAgents({ dataDir, state }: RestoreOptions): Promise<readonly string[]> {
  const identity = await readIdentity(dataDir)
  const authority = objectOf(state.records, AUTHORITY_KEY)
  if (identity === null || authority === null || identity.clusterId !== clusterOf(state.records).id) return []
  const names = (bundle: string): readonly string[] =>
    splitBundle(bundle).map((one) => describeCertificate(one).keyHash)
  const trusted = names(identity.files.bundle)
  return names(authority.signing.certificate).some((name) => trusted.includes(name))
    ? []
    : ['the authority was changed since: no agent follows this state, and every machine has to join again']
}

function counts(state: Snapshot, present: Present): RestorePlan['counts'] {
  const after = countKinds(state)
  const now = present.kind === 'state' ? countKinds(present.state) : null
  const kinds = new Set([...after.keys(), ...(now?.keys() ?? [])])
  return [...kinds].sort().map((kind) => ({ kind, after: after.get(kind) ?? 0, now: now?.get(kind) ?? (now && 0) }))
}

function losses(state: Snapshot, cluster: Cluster, present: Present): readonly string[] {
  const always = ['join tokens are not good any more: make new ones']
  if (present.kind === 'nothing') return always
  if (present.kind === 'damaged') return [`the damaged state that is there: ${present.message}`, ...always]
  if (present.kind === 'unread') return [`what etcd keeps in ${present.directory}, unseen`, ...always]
  const there = clusterOf(present.state.records)
  if (there.id !== cluster.id) return [`the state of another cluster, ${there.name} (${there.id})`, ...always]
  const lost = present.state.revision - state.revision
  const changes = lost > 0 ? [`what ${lost} commits changed since storeRevision ${state.revision}`] : []
  const [was, is] = [present.state, state].map(desiredOf)
  const manifest = was === is ? [] : [`manifest ${was} is desired now; ${is} will be`]
  return [...changes, ...manifest, ...always]
}

function desiredOf({ records }: Snapshot): number {
  const desired = records.find(({ key }) => key === DESIRED_KEY)
  return (desired?.value as { revision: number } | undefined)?.revision ?? 0
}
