import { join } from 'node:path'
import { readState } from '../agent/cache.ts'
import { OperationalError } from '../core/errors.ts'
import { clusterOf, incarnationAfter } from '../core/incarnation/raise.ts'
import { durableText } from '../drivers/durable-text.ts'
import type { Snapshot } from '../ports/store.ts'
import { clusterKeyIn } from './backup-file.ts'
import { type Moved, moveState } from './move-state.ts'
import { openIntake } from './open-intake.ts'
import type { StoreOptions, StoreSurroundings } from './open-store.ts'
import { describePlace, flagsOf, type OpenPlace, openAlone, stateAt } from './store-place.ts'

export interface MoverOptions {
  readonly source: StoreOptions
  readonly target: StoreOptions
  readonly dataDir: string
  /** Whether a state file that is in the way is moved aside. */
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

/** Moves the state of a cluster from one store to another. It holds the old one from when it is opened until it is closed. */
export class Mover {
  readonly #options: MoverOptions
  readonly #source: OpenPlace

  private constructor(options: MoverOptions, source: OpenPlace) {
    this.#options = options
    this.#source = source
  }

  /** Throws USAGE for places between which nothing can move, PREREQUISITE while a server uses the state. */
  static async open(options: MoverOptions): Promise<Mover> {
    const [from, to] = [options.source, options.target].map(describePlace)
    if (from === to) throw new OperationalError('USAGE', `the state is in ${to} already`)
    if (options.source.kind === 'memory' || options.target.kind === 'memory') {
      throw new OperationalError('USAGE', 'a state in memory is gone with its process: it cannot be moved', {
        hint: 'apply the manifest to a cluster with another store',
      })
    }
    if ((await stateAt(options.source, options.surroundings)) === null) {
      throw new OperationalError('NOT_FOUND', `there is no state in ${from} that could be moved`)
    }
    return new Mover(options, await openAlone(options.source, options.surroundings))
  }

  async plan(): Promise<MovePlan> {
    const { source, target } = this.#options
    const state = await this.#source.store.load()
    const cluster = clusterOf(state.records)
    const { movedTo } = cluster
    return {
      from: describePlace(source),
      to: describePlace(target),
      clusterId: cluster.id,
      clusterName: cluster.name,
      incarnation: {
        before: cluster.incarnation,
        after: movedTo?.incarnation ?? incarnationAfter(cluster, await this.#known(cluster.id)),
      },
      storeRevision: state.revision,
      finishes: movedTo !== undefined,
      counts: countsOf(state),
      startWith: flagsOf(target),
    }
  }

  /** Throws as `moveState`. May be called again after it was cut off. */
  async move(onWritten: (records: number, of: number) => void): Promise<Moved> {
    const { source, target, dataDir, replace, surroundings } = this.#options
    const at = surroundings.clock.now()
    const { id } = clusterOf((await this.#source.store.load()).records)
    // A look into etcd or ZooKeeper leaves an empty state there.
    const replacing = target.kind === 'sqlite' && !replace ? null : `.replaced-${at}`
    return moveState({
      source: this.#source.store,
      to: describePlace(target),
      present: () => this.#presentAt(),
      begin: () => openIntake(target, replacing, surroundings),
      life: {
        kind: 'move',
        by: 'local user',
        at,
        because: `moved from ${describePlace(source)} to ${describePlace(target)}`,
        above: await this.#known(id),
      },
      clusterKey: await clusterKeyIn(dataDir),
      onWritten,
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source[Symbol.asyncDispose]()
  }

  /** A file that is to give way counts as none, unless it is what this very move has put there. */
  async #presentAt(): Promise<Snapshot | null> {
    const { target, replace, surroundings } = this.#options
    const present = await stateAt(target, surroundings)
    if (present === null || target.kind !== 'sqlite' || !replace) return present
    return clusterOf(present.records).movedTo === undefined ? present : null
  }

  /** The highest incarnation that this machine's agent has obeyed. */
  async #known(clusterId: string): Promise<number> {
    const agent = await readState(durableText(join(this.#options.dataDir, 'agent.json')))
    return agent?.authority?.clusterId === clusterId ? agent.authority.incarnation : 0
  }
}

function countsOf({ records }: Snapshot): MovePlan['counts'] {
  const counts = new Map<string, number>()
  for (const { key } of records) {
    const kind = key.slice(0, key.indexOf('/'))
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  return [...counts].map(([kind, count]) => ({ kind, count }))
}
