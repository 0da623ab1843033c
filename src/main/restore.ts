import { join } from 'node:path'
import { readState } from '../agent/cache.ts'
import { backUp } from '../control/backups.ts'
import { OperationalError } from '../core/errors.ts'
import { clusterOf, incarnationAfter, type NewLife } from '../core/incarnation/raise.ts'
import type { Cluster } from '../core/model/cluster.ts'
import { DESIRED_KEY } from '../core/model/objects.ts'
import { backupKey, sha256 } from '../drivers/backup-digest.ts'
import { backupFiles } from '../drivers/backup-files.ts'
import { durableText } from '../drivers/durable-text.ts'
import type { Snapshot } from '../ports/store.ts'
import { inNewLife } from './new-life.ts'
import { openIntake } from './open-intake.ts'
import type { StoreOptions, StoreSurroundings } from './open-store.ts'
import { describePlace, openAlone, stateAt } from './store-place.ts'
import { copyInto } from './take-in.ts'

/** A state that is to become the cluster's, and where. */
export interface RestoreOptions {
  /** Where it comes from, for people: `shop.gantry`, `what can be read of state.db`. */
  readonly from: string
  readonly state: Snapshot
  readonly kind: 'restore' | 'recovery'
  readonly dataDir: string
  readonly target: StoreOptions
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

export interface RestorePlan {
  readonly from: string
  readonly to: string
  readonly clusterId: string
  readonly clusterName: string
  readonly incarnation: { readonly before: number; readonly after: number }
  readonly storeRevision: number
  readonly present: 'nothing' | 'state' | 'damaged'
  /** Objects by kind: those that are put back, and those that are there now; null: unknown. */
  readonly counts: readonly { readonly kind: string; readonly after: number; readonly now: number | null }[]
  /** What is lost for good, one sentence each. */
  readonly losses: readonly string[]
}

/** Says what putting the state there would do; changes nothing. */
export async function planRestore(options: RestoreOptions): Promise<RestorePlan> {
  const { state, target } = options
  const present = await presentAt(options)
  const cluster = clusterOf(state.records)
  return {
    from: options.from,
    to: describePlace(target),
    clusterId: cluster.id,
    clusterName: cluster.name,
    incarnation: { before: cluster.incarnation, after: incarnationAfter(cluster, await knownAbove(options, present)) },
    storeRevision: state.revision,
    present: present.kind,
    counts: counts(state, present),
    losses: losses(state, cluster, present),
  }
}

/** Puts the state there, as the next incarnation. With `replace` what is there gives way; it is kept under another name or as a backup. */
export async function restore(
  options: RestoreOptions,
  replace: boolean,
  onWritten: (records: number, of: number) => void,
): Promise<{ readonly incarnation: number; readonly kept: string | null }> {
  const { state, target, clusterKey, kind, surroundings } = options
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
  const kept = await keepPresent(options, present, now)
  // A look into etcd or ZooKeeper leaves an empty state there.
  const replacing = target.kind === 'sqlite' && present.kind === 'nothing' ? null : kept.suffix
  const intake = await openIntake(target, replacing, surroundings)
  try {
    await copyInto(intake, next.state, onWritten)
    await intake.open(next.state.revision)
  } finally {
    await intake.close()
  }
  return { incarnation: next.incarnation, kept: kept.path }
}

async function presentAt({ target, surroundings }: RestoreOptions): Promise<Present> {
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
  if (present.kind !== 'state') return { suffix, path: null }
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
  const agent = await readState(durableText(join(dataDir, 'agent.json')))
  const obeyed = agent?.authority?.clusterId === id ? agent.authority.incarnation : 0
  const there = present.kind === 'state' ? clusterOf(present.state.records) : null
  return Math.max(above, obeyed, there?.id === id ? there.incarnation : 0, there?.movedTo?.incarnation ?? 0)
}

function counts(state: Snapshot, present: Present): RestorePlan['counts'] {
  const after = countKinds(state)
  const now = present.kind === 'state' ? countKinds(present.state) : null
  const kinds = new Set([...after.keys(), ...(now?.keys() ?? [])])
  return [...kinds].sort().map((kind) => ({ kind, after: after.get(kind) ?? 0, now: now?.get(kind) ?? (now && 0) }))
}

function countKinds({ records }: Snapshot): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  for (const { key } of records) {
    const kind = key.slice(0, key.indexOf('/'))
    found.set(kind, (found.get(kind) ?? 0) + 1)
  }
  return found
}

function losses(state: Snapshot, cluster: Cluster, present: Present): readonly string[] {
  const always = ['join tokens are not good any more: make new ones']
  if (present.kind === 'nothing') return always
  if (present.kind === 'damaged') return [`the damaged state that is there: ${present.message}`, ...always]
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
