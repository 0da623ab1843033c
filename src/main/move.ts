import { OperationalError } from '../core/errors.ts'
import { clusterOf, incarnationAfter, type NewLife, objectOf } from '../core/incarnation/raise.ts'
import { keyOf } from '../core/model/objects.ts'
import { IdentityFiles } from '../drivers/pki/identity-files.ts'
import type { Snapshot, Store } from '../ports/store.ts'
import { clusterKeyIn } from './backup-file.ts'
import { countKinds } from './count-kinds.ts'
import { readIdentity } from './identity.ts'
import { tellInstalled } from './install/tell-installed.ts'
import { foundLoneMember, hasOtherStore, wakeLoneMember } from './managed-etcd/lone-member.ts'
import { type OwnPlace, ownPlace } from './managed-etcd/own-place.ts'
import { type Moved, moveState } from './move-state.ts'
import { obeyedIncarnation } from './obeyed-incarnation.ts'
import { openIntake } from './open-intake.ts'
import type { ManagedEtcdOptions, StoreOptions, StoreSurroundings } from './open-store.ts'
import { signedLife } from './raise-incarnation.ts'
import { answers, runsHere } from './running-here.ts'
import { describePlace, flagsOf, type OpenPlace, openAlone, stateAt } from './store-place.ts'

export interface MoverOptions {
  /** `own etcd`: what this server has kept with others, and now keeps alone. */
  readonly source: StoreOptions | 'own etcd'
  readonly target: StoreOptions | ManagedEtcdOptions
  readonly dataDir: string
  /** Socket of a server that runs here. */
  readonly socketPath: string
  /** Where the others dial this machine, where `target` has several; null: it is found out. */
  readonly advertise: string | null
  /** Whether a state file, or the data of an etcd, that is in the way is moved aside. */
  readonly replace: boolean
  readonly surroundings: StoreSurroundings
}

export interface MovePlan {
  readonly from: string
  readonly to: string
  readonly clusterId: string
  readonly clusterName: string
  readonly incarnation: { readonly before: number; readonly after: number }
  readonly storeRevision: number
  /** An earlier run of the same move was cut off after the old place was left. */
  readonly finishes: boolean
  readonly counts: readonly { readonly kind: string; readonly count: number }[]
  /** Options that servers need from then on. */
  readonly startWith: string
}

interface NamedPlace extends OpenPlace {
  readonly name: string
}

/** Moves the state of a cluster from one store to another. It holds the old one from when it is opened until it is closed. */
export class Mover {
  readonly #options: MoverOptions
  readonly #source: NamedPlace
  readonly #target: StoreOptions | OwnPlace

  private constructor(options: MoverOptions, source: NamedPlace, target: StoreOptions | OwnPlace) {
    this.#options = options
    this.#source = source
    this.#target = target
  }

  /** Throws USAGE for places between which nothing can move, PREREQUISITE while a server uses the state. */
  static async open(options: MoverOptions): Promise<Mover> {
    if (options.target.kind === 'memory' || (options.source !== 'own etcd' && options.source.kind === 'memory')) {
      throw new OperationalError('USAGE', 'a state in memory is gone with its process: it cannot be moved', {
        hint: 'apply the manifest to a cluster with another store',
      })
    }
    await using opening = new AsyncDisposableStack()
    const source = opening.use(await openSource(options))
    const target = await targetOf(options, source.store)
    if (source.name === describePlace(target))
      throw new OperationalError('USAGE', `the state is in ${source.name} already`)
    const held = opening.move()
    return new Mover(options, { ...source, [Symbol.asyncDispose]: () => held.disposeAsync() }, target)
  }

  async plan(): Promise<MovePlan> {
    const state = await this.#source.store.load()
    const cluster = clusterOf(state.records)
    const { movedTo } = cluster
    return {
      from: this.#source.name,
      to: describePlace(this.#target),
      clusterId: cluster.id,
      clusterName: cluster.name,
      incarnation: {
        before: cluster.incarnation,
        after:
          movedTo?.incarnation ?? incarnationAfter(cluster, await obeyedIncarnation(this.#options.dataDir, cluster.id)),
      },
      storeRevision: state.revision,
      finishes: movedTo !== undefined,
      counts: [...countKinds(state)].map(([kind, count]) => ({ kind, count })),
      startWith: flagsOf(this.#target),
    }
  }

  /** Throws as `moveState`. May be called again after it was cut off. */
  async move(onWritten: (records: number, of: number) => void): Promise<Moved> {
    const target = this.#target
    const state = await this.#source.store.load()
    const life = await this.#life(clusterOf(state.records).id)
    if (target.kind !== 'managed-etcd')
      return this.#moveTo(target, life, await clusterKeyIn(this.#options.dataDir), onWritten)
    const { dataDir, replace } = this.#options
    const { movedTo } = clusterOf(state.records)
    if (movedTo?.to === describePlace(target) && (await hasOtherStore(dataDir)))
      return { incarnation: movedTo.incarnation, records: state.records.length, wasDone: true }
    const clusterKey = await ownClusterKey(state, life, dataDir)
    const aside = replace ? `.replaced-${life.at}` : null
    await using member = await foundLoneMember(target, { dataDir, clusterKey, aside })
    const moved = await this.#moveTo(member.place, life, clusterKey, onWritten)
    await member.finish()
    return moved
  }

  /** Tells a node that was installed here where its state is. Resolves with the path of its file; null: there is none. */
  tellInstalled(): Promise<string | null> {
    return tellInstalled(this.#options.dataDir, this.#target)
  }

  /** `target`: a store that is there, or is made by opening it. */
  #moveTo(
    target: StoreOptions,
    life: NewLife,
    clusterKey: Buffer | null,
    onWritten: (records: number, of: number) => void,
  ): Promise<Moved> {
    const { replace, surroundings } = this.#options
    // A look into etcd or ZooKeeper leaves an empty state there.
    const replacing = target.kind === 'sqlite' && !replace ? null : `.replaced-${life.at}`
    return moveState({
      source: this.#source.store,
      to: describePlace(this.#target),
      present: () => this.#presentAt(target),
      begin: () => openIntake(target, replacing, surroundings),
      life,
      clusterKey,
      onWritten,
    })
  }

  async #life(clusterId: string): Promise<NewLife> {
    const because = `moved from ${this.#source.name} to ${describePlace(this.#target)}`
    const at = this.#options.surroundings.clock.now()
    return {
      kind: 'move',
      by: 'local user',
      at,
      because,
      above: await obeyedIncarnation(this.#options.dataDir, clusterId),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source[Symbol.asyncDispose]()
  }

  /** A file that is to give way counts as none, unless it is what this very move has put there. */
  async #presentAt(target: StoreOptions): Promise<Snapshot | null> {
    const { replace, surroundings } = this.#options
    const present = await stateAt(target, surroundings)
    if (present === null || target.kind !== 'sqlite' || !replace) return present
    return clusterOf(present.records).movedTo === undefined ? present : null
  }
}

async function openSource(options: MoverOptions): Promise<NamedPlace> {
  const { dataDir, surroundings } = options
  await using opening = new AsyncDisposableStack()
  let { source } = options
  if (source === 'own etcd') {
    // Its etcd would be stopped in the end.
    if (await answers(options.socketPath)) throw runsHere()
    const member = await wakeLoneMember(dataDir, await clusterKeyIn(dataDir))
    source = opening.use(member).place
  }
  if ((await stateAt(source, surroundings)) === null) {
    throw new OperationalError('NOT_FOUND', `there is no state in ${describePlace(source)} that could be moved`)
  }
  const { store } = opening.use(await openAlone(source, surroundings))
  const held = opening.move()
  return { name: describePlace(source), store, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

async function targetOf(options: MoverOptions, source: Store): Promise<StoreOptions | OwnPlace> {
  const { target, dataDir, advertise } = options
  if (target.kind !== 'managed-etcd') return target
  const nodeId = (await readIdentity(dataDir))?.nodeId ?? null
  const { records } = await source.load()
  const own = nodeId === null ? null : objectOf(records, keyOf('node', nodeId))
  return ownPlace(target, advertise, own?.address ?? null)
}

/** A cluster of one that listened for no other machine has no key, and gets its first one. Throws as `signedLife`. */
async function ownClusterKey({ records }: Snapshot, life: NewLife, dataDir: string): Promise<Buffer> {
  const clusterKey = await clusterKeyIn(dataDir)
  signedLife(records, life, clusterKey)
  return clusterKey ?? (await new IdentityFiles(dataDir).foundingKey())
}
